//! Index addresses with credentials: everybody on the machine sees a command line, so these go by the environment.

/// Options of pip that take an index address, and their variables.
const INDEXES: [(&str, &str); 3] =
    [("--index-url", "PIP_INDEX_URL"), ("-i", "PIP_INDEX_URL"), ("--extra-index-url", "PIP_EXTRA_INDEX_URL")];

/// Takes index addresses with a user in them out of the arguments and gives them as variables.
pub(super) fn take(arguments: &mut Vec<String>) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut kept = Vec::new();
    let mut rest = std::mem::take(arguments).into_iter();
    while let Some(argument) = rest.next() {
        let (option, inline) = match argument.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (argument.clone(), None),
        };
        let Some((_, variable)) = INDEXES.iter().find(|(name, _)| *name == option) else {
            kept.push(argument);
            continue;
        };
        let separate = inline.is_none();
        let Some(value) = inline.or_else(|| rest.next()) else {
            kept.push(argument);
            continue;
        };
        if !has_user(&value) {
            kept.push(argument);
            kept.extend(Some(value).filter(|_| separate));
        } else if let Some((_, all)) = variables.iter_mut().find(|(name, _)| name == variable) {
            all.push(' ');
            all.push_str(&value);
        } else {
            variables.push(((*variable).to_owned(), value));
        }
    }
    *arguments = kept;
    variables
}

fn has_user(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_credentials_leave_the_command_line() {
        let words = "--pre --index-url https://u:p@host/simple -i https://open/simple --extra-index-url=https://t@x/y";
        let mut arguments: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let variables = take(&mut arguments);
        assert_eq!(arguments, ["--pre", "-i", "https://open/simple"]);
        assert_eq!(
            variables,
            [
                ("PIP_INDEX_URL".to_owned(), "https://u:p@host/simple".to_owned()),
                ("PIP_EXTRA_INDEX_URL".to_owned(), "https://t@x/y".to_owned())
            ]
        );
    }
}
