//! Where it is said how a host is reached, and what goes before what: the host's variables, then the task's keywords, then the
//! command line and the configuration.

use super::connect::ConnectDefaults;
use crate::template::{Templar, TemplateContext, TemplateError, TemplateErrorKind};
use crate::transport::Secret;
use crate::vars::Value;
use crate::vars::scope::Layers;

/// Where it is said how a host is reached.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    /// The host's variables. What a floor below them has is no word of the host, but its templates see it.
    pub(super) layers: &'a Layers,
    /// The task's keywords.
    pub(super) task: &'a crate::playbook::Attrs,
    /// What the keywords' templates see.
    pub(super) task_layers: &'a Layers,
    pub(super) defaults: &'a ConnectDefaults,
    pub(super) templar: &'a Templar,
}

/// What is said of the connection, if anything.
type Word<T> = Result<Option<T>, TemplateError>;

impl Said<'_> {
    fn render(&self, value: &Value, layers: &Layers) -> Word<Value> {
        let cx = TemplateContext::new(layers, crate::vars::scope::nowhere());
        let value = self.templar.render(value, &cx).map_err(|e| e.at(value.span()))?;
        Ok(Some(value).filter(|v| !matches!(v, Value::Null | Value::Omit)))
    }
    /// The first of these variables that there is.
    pub(super) fn var(&self, names: &[&str]) -> Word<Value> {
        for name in names {
            if let Some(value) = self.layers.find_above_floor(name)
                && let Some(value) = self.render(value, self.layers)?
            {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
    /// A keyword.
    pub(super) fn keyword(&self, name: &str) -> Word<Value> {
        self.task.get(name).map_or(Ok(None), |value| self.render(value, self.task_layers))
    }

    /// The kind of the connection.
    pub(super) fn connection(&self) -> Word<Value> {
        match self.var(&["ansible_connection"])? {
            Some(value) => Ok(Some(value)),
            None => Ok(self
                .keyword("connection")?
                .or_else(|| self.defaults.connection.as_deref().map(Value::text))),
        }
    }
    /// The address, where it is not the host's name.
    pub(super) fn address(&self) -> Word<String> {
        Ok(text(self.var(&["ansible_ssh_host", "ansible_host"])?))
    }
    pub(super) fn port(&self) -> Word<u16> {
        match port(self.var(&["ansible_ssh_port", "ansible_port"])?)? {
            Some(port) => Ok(Some(port)),
            None => Ok(port(self.keyword("port")?)?.or(self.defaults.port)),
        }
    }
    pub(super) fn user(&self) -> Word<String> {
        match text(self.var(&["ansible_ssh_user", "ansible_user"])?) {
            Some(user) => Ok(Some(user)),
            None => Ok(text(self.keyword("remote_user")?).or_else(|| self.defaults.user.clone())),
        }
    }
    pub(super) fn password(&self) -> Word<Secret> {
        let own = text(self.var(&["ansible_ssh_password", "ansible_ssh_pass", "ansible_password"])?);
        Ok(own.map(Secret::new).or_else(|| self.defaults.password.clone()))
    }
    /// The file of a private key as it is written.
    pub(super) fn key_file(&self) -> Word<String> {
        let own = text(self.var(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?);
        let default = || self.defaults.key_file.as_ref().map(|path| path.to_string_lossy().into_owned());
        Ok(own.or_else(default))
    }
    /// How many seconds a connection may take.
    pub(super) fn timeout(&self) -> Word<u64> {
        let own = number("timeout", self.var(&["ansible_ssh_timeout", "ansible_timeout"])?)?;
        Ok(own.or(self.defaults.timeout))
    }
}

/// A value as text, empty counted as not given.
pub(super) fn text(value: Option<Value>) -> Option<String> {
    value.as_ref().and_then(crate::vars::value::scalar_text).filter(|t| !t.is_empty())
}

/// A word that cannot be used.
pub(super) fn unfit(message: String, hint: &str, value: &Value) -> TemplateError {
    let mut error = TemplateError::new(TemplateErrorKind::Failed, message);
    error.hint = Some(hint.to_owned());
    error.at(value.span())
}

fn number(name: &str, value: Option<Value>) -> Word<u64> {
    let Some(value) = value else { return Ok(None) };
    let Some(shown) = text(Some(value.clone())) else { return Ok(None) };
    shown.trim().parse::<u64>().map(Some).map_err(|_| {
        let message = format!(
            "Error processing keyword '{name}': The value '{shown}' could not be converted to 'int'."
        );
        unfit(message, "write a whole number", &value)
    })
}

fn port(value: Option<Value>) -> Word<u16> {
    let place = value.clone().unwrap_or_default();
    match number("port", value)? {
        None => Ok(None),
        Some(port) => u16::try_from(port)
            .map(Some)
            .map_err(|_| unfit(format!("there is no port {port}"), "ports go from 1 to 65535", &place)),
    }
}
