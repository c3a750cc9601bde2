# shellcheck shell=bash
# Runs inside the throwaway system: lays the target out as Ansible's own test runner does, and starts it.
set -u
# shellcheck source=/dev/null
. /conf/w/settings
: "${name:?}" "${kind:?}" "${reference:?}" "${connection:?}" "${python:?}" "${ssh:?}" "${http:?}" "${files:?}"
export LC_ALL=en_US.UTF-8 LANG=en_US.UTF-8
src=/conf/src/test/integration
aliases() { sed 's/#.*//' "$src/targets/$1/aliases" 2>/dev/null | awk 'NF { print $1 }'; }

place=/root/ansible_testing/$name-tmp-ÅÑŚÌβŁÈ
aliases "$name" | grep -qx no/temp_unicode && place=/root/ansible_testing/$name-tmp-ansible
here=$place/test/integration
mkdir -p "$here/targets"

# ---- all the targets that are needed: dependencies of roles, needs/target/*, setup/{once,always}/*
declare -A seen
queue=("$name")
while [ ${#queue[@]} -gt 0 ]; do
    one=${queue[0]}
    queue=("${queue[@]:1}")
    if [ -n "${seen[$one]:-}" ] || [ ! -d "$src/targets/$one" ]; then continue; fi
    seen[$one]=1
    cp -a "$src/targets/$one" "$here/targets/"
    mapfile -t -O ${#queue[@]} queue < <(
        aliases "$one" | sed -n 's,^needs/target/,,p; s,^setup/once/,,p; s,^setup/always/,,p'
        sed -nE 's/^ *- *(role: *|name: *)?"?([A-Za-z0-9_.-]+)"? *$/\2/p' "$src/targets/$one/meta/main.yml" 2>/dev/null
        # Named in the target's own files as a role or a path: the test runner finds these by looking into them.
        for dependency in setup_remote_tmp_dir prepare_tests collection test_utils; do
            grep -rqs --include='*.yml' --include='*.sh' -- "$dependency" "$src/targets/$one" && echo "$dependency"
        done
    )
    while read -r file; do
        mkdir -p "$place/$(dirname "$file")"
        cp -a "/conf/src/$file" "$place/$file" 2>/dev/null
    done < <(aliases "$one" | sed -n 's,^needs/file/,,p')
done
chown -R root:root "$place"
: >"$here/integration.cfg"
{
    echo '[testgroup]'
    if [ "$connection" = ssh ]; then
        printf 'testhost ansible_connection=ssh ansible_pipelining=yes ansible_python_interpreter=%s ansible_host=127.0.0.1 ' "$python"
        printf 'ansible_port=22 ansible_user=root ansible_ssh_private_key_file=/root/.ssh/id_ed25519 '
        echo 'ansible_ssh_extra_args="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"'
    else
        echo "testhost ansible_connection=local ansible_pipelining=yes ansible_python_interpreter=$python"
    fi
} >"$here/inventory"
[ -f "$src/integration_config.yml" ] && cp "$src/integration_config.yml" "$here/"

# ---- the programs under test, first in PATH
bin=/conf/bin
mkdir -p $bin
calls=/conf/out/$name.invocations
shim() { # name, command
    {
        echo '#!/bin/bash'
        if [ -z "$2" ]; then
            # shellcheck disable=SC2016 # the shim's own
            printf '{ printf "%%s %s rc=127 NOTPROVIDED" "$(date +%%s)"; printf " %%q" "$@"; echo; } >>%q\n' "$1" "$calls"
            printf 'echo "%s: not provided by the tool under test" >&2\nexit 127\n' "$1"
        else
            if [ "$reference" = 1 ]; then
                # shellcheck disable=SC2016
                printf 'if [ -n "${VIRTUAL_ENV:-}" ]; then PYTHONPATH=/conf/pylib:%s "$VIRTUAL_ENV/bin/python" %s "$@"; else %s "$@"; fi\n' \
                    "$packages" "$2" "$2"
            else
                printf '%s "$@"\n' "$2"
            fi
            # shellcheck disable=SC2016
            printf 'rc=$?\n{ printf "%%s %s rc=%%s" "$(date +%%s)" "$rc"; printf " %%q" "$@"; echo; } >>%q\nexit $rc\n' "$1" "$calls"
        fi
    } >"$bin/$1"
    chmod 755 "$bin/$1"
}
pick() { # subcommand, command that was given, name of the reference's program
    if [ -n "$2" ]; then
        echo "$2"
    elif [ "$reference" = 1 ]; then
        echo "/opt/ansible/bin/$3"
    elif [ -n "${tool?}" ]; then
        echo "$tool $1"
    fi
}
packages=$(echo /opt/ansible/lib/python3*/site-packages)
shim ansible-playbook "${playbook:?}"
shim ansible "$(pick adhoc "${adhoc?}" ansible)"
for part in inventory vault config doc galaxy pull console test; do
    shim "ansible-$part" "$(pick "$part" "${!part?}" "ansible-$part")"
done
for program in python python3 python3.11 pip pip3; do
    real=$program
    [ -x "/opt/ansible/bin/$real" ] || real=python3
    printf '#!/bin/sh\nexec /opt/ansible/bin/%s "$@"\n' "$real" >"$bin/$program"
    chmod 755 "$bin/$program"
done
cp /conf/src/test/lib/ansible_test/_util/target/injector/virtualenv.sh $bin/
mkdir -p /conf/pylib
ln -sfn "$packages/ansible" /conf/pylib/ansible

# ---- the environment, as the test runner has it
export PATH=$bin:$PATH PYTHONPATH=/conf/pylib PAGER=/bin/cat
export ANSIBLE_TEST_PYTHON_VERSION=3.11 ANSIBLE_TEST_PYTHON_INTERPRETER=/opt/ansible/bin/python
export ANSIBLE_FORCE_COLOR=false ANSIBLE_FORCE_HANDLERS=true ANSIBLE_HOST_PATTERN_MISMATCH=error ANSIBLE_INVENTORY=/dev/null
export ANSIBLE_DEPRECATION_WARNINGS=false ANSIBLE_HOST_KEY_CHECKING=false ANSIBLE_RETRY_FILES_ENABLED=false
export ANSIBLE_LIBRARY=/dev/null ANSIBLE_DEVEL_WARNING=false ANSIBLE_PYTHON_MODULE_RLIMIT_NOFILE=1024
export ANSIBLE_WORKER_SHUTDOWN_POLL_COUNT=100 ANSIBLE_WORKER_SHUTDOWN_POLL_DELAY=0.1
export ANSIBLE_PYTHON_INTERPRETER=/set/ansible_python_interpreter/in/inventory
export JUNIT_TASK_RELATIVE_PATH=$place JUNIT_REPLACE_OUT_OF_TREE_PATH=out-of-tree:
export ANSIBLE_CONFIG=$here/integration.cfg ANSIBLE_TEST_CI='' ANSIBLE_TEST_COVERAGE='' ANSIBLE_TEST_ANSIBLE_VERSION=2.19.14
export ANSIBLE_TEST_ANSIBLE_LIB_ROOT=/conf/src/lib/ansible
export INVENTORY_PATH=$here/inventory PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
while read -r setting; do
    case $setting in env/set/*) setting=${setting#env/set/} && export "${setting%%/*}=${setting#*/}" ;; esac
done < <(aliases "$name")
for setting in ${environment?}; do export "${setting?}"; done
ulimit -n 1024

# ---- services that some targets need
if [ "$ssh" = 1 ]; then
    mkdir -p /run/sshd
    if [ -d /run/systemd/system ]; then systemctl start ssh; else /usr/sbin/sshd -o PermitRootLogin=yes; fi
fi
# shellcheck source=tests/conformance/box/http/start.sh
if [ "$http" = 1 ]; then . /conf/http/start.sh; fi
if [ "$files" = 1 ]; then nginx -c /conf/cifiles/nginx.conf; fi

results=$place/test/results/.tmp/output_dir
run() { # target
    local facts=true vars='[]' code
    rm -rf "$results"
    mkdir -p "$results"
    export OUTPUT_DIR=$results JUNIT_OUTPUT_DIR=$results/../junit
    # shellcheck disable=SC2086 # words on purpose
    if [ -f "$src/targets/$1/runme.sh" ]; then
        cd "$here/targets/$1" || return
        export ANSIBLE_PLAYBOOK_DIR=$PWD
        unset ANSIBLE_ROLES_PATH
        [ -x ./runme.sh ] || chmod +x runme.sh
        ./runme.sh ${arguments?}
        code=$?
    else
        aliases "$1" | grep -qx gather_facts/no && facts=false
        cd "$here" || return
        export ANSIBLE_PLAYBOOK_DIR=$here ANSIBLE_ROLES_PATH=$here/targets
        [ -f "$here/integration_config.yml" ] && vars='["integration_config.yml"]'
        printf '[{"gather_facts": %s, "hosts": "testhost", "roles": ["%s"], "vars": {"output_dir": "%s"}, "vars_files": %s}]\n' \
            $facts "$1" "$results" "$vars" >"$1-wrapper.yml"
        ansible-playbook "$1-wrapper.yml" -i inventory ${arguments?}
        code=$?
    fi
    cd /
    return $code
}
while read -r before; do
    echo "##SETUP $before"
    run "$before" </dev/null || { echo "##SETUP-FAILED $before"; exit 97; }
done < <(aliases "$name" | sed -n 's,^setup/once/,,p; s,^setup/always/,,p')
echo "##TARGET $name"
: >"$calls"
run "$name"
code=$?
echo "##RC $code"
exit $code
