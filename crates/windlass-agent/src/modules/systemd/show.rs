//! Reading `systemctl show`.

use windlass_protocol::JsonMap;

/// `Name=value` lines. The value of an `Exec...` property in braces may go over several lines.
pub fn parse(text: &str) -> JsonMap {
    let mut out = JsonMap::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        if let Some((name, value)) = &mut open {
            value.push('\n');
            value.push_str(line);
            if line.trim_end().ends_with('}') {
                out.insert(std::mem::take(name), std::mem::take(value).trim().into());
                open = None;
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        if name.starts_with("Exec") && value.trim_start().starts_with('{') && !value.trim_end().ends_with('}')
        {
            open = Some((name.to_owned(), value.to_owned()));
        } else {
            out.insert(name.to_owned(), value.trim().into());
        }
    }
    if let Some((name, value)) = open {
        out.insert(name, value.trim().into());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

    #[test]
    fn values_in_braces_may_have_several_lines() {
        let text = "Id=a.service\nExecStart={ path=/bin/sh ; argv[]=/bin/sh -c x\ny=z ; }\nDescription=a = b\nEmpty=\n";
        let wanted = json!({
            "Id": "a.service", "ExecStart": "{ path=/bin/sh ; argv[]=/bin/sh -c x\ny=z ; }",
            "Description": "a = b", "Empty": "",
        });
        assert_eq!(serde_json::Value::Object(parse(text)), wanted);
    }
}
