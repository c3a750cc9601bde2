//! `vars_prompt`: variables that somebody types before a play begins.

use super::loops::truthy;
use super::run::Run;
use crate::playbook::Play;
use crate::report::Event;
use crate::template::TemplateContext;
use crate::vars::scope::{Layers, nowhere};
use crate::vars::value::scalar_text;
use crate::vars::{Key, Map, Text, Value};
use windlass_yaml::Span;
use windlass_yaml::diagnostic::Diagnostic;

type Wrong = Box<Diagnostic>;

/// One question, its templates rendered.
struct Question<'a> {
    name: String,
    entry: &'a Map,
    span: &'a Span,
}

impl Question<'_> {
    fn text(&self, key: &str) -> Option<String> {
        self.entry.get(key).and_then(scalar_text)
    }
    fn flag(&self, key: &str, default: bool) -> Result<bool, Wrong> {
        match self.entry.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => truthy(value).ok_or_else(|| {
                let shown = scalar_text(value).unwrap_or_else(|| value.type_name().to_owned());
                let text = format!("`{key}` of the prompt for '{}' is a boolean, this is {shown}", self.name);
                Box::new(
                    Diagnostic::error(text).at(value.span().unwrap_or(self.span)).hint("write true or false"),
                )
            }),
        }
    }
}

impl Run {
    /// Asks for what a play wants to know and `-e` does not say.
    pub(super) fn prompts(&self, play: &Play, scope: &Layers, vars: &mut Map) -> Result<(), Wrong> {
        for written in &play.vars_prompt {
            let span = written.span().unwrap_or(&play.span);
            let cx = TemplateContext::new(scope, nowhere());
            let entry = self.shared.templar.render(written, &cx).map_err(|error| {
                let mut out = Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(span));
                out.hint = error.hint;
                Box::new(out)
            })?;
            let Value::Map(entry) = entry else {
                let error = Diagnostic::error("an entry of vars_prompt is a mapping").at(span);
                return Err(Box::new(error.hint("as in `- name: password`, `  prompt: The password`")));
            };
            let Some(name) = entry.get("name").and_then(scalar_text) else {
                let error = Diagnostic::error("an entry of vars_prompt has no name").at(span);
                return Err(Box::new(error.hint("say which variable it is for: `name: ...`")));
            };
            if self.shared.store.extra.contains_key(name.as_str()) {
                continue;
            }
            let value = self.answer(&Question { name: name.clone(), entry: &entry, span })?;
            vars.insert(Key::from(name), value);
        }
        Ok(())
    }

    fn answer(&self, question: &Question<'_>) -> Result<Value, Wrong> {
        let default = question.text("default");
        let (private, confirm) = (question.flag("private", true)?, question.flag("confirm", false)?);
        let asked = self.ask(question, default.as_deref(), private, confirm);
        if asked.is_none() && default.is_none() && question.text("encrypt").is_none() {
            // As in Ansible, nobody's answer is this text.
            return Ok(Value::text("None"));
        }
        let typed = asked.filter(|t| !t.is_empty() || default.is_none()).or_else(|| default.clone());
        let Some(typed) = typed else {
            let name = &question.name;
            let text = format!(
                "'{name}' is asked for by vars_prompt, there is no terminal to ask on, and it has no default"
            );
            let hint = format!("give it with -e {name}=...");
            return Err(Box::new(Diagnostic::error(text).at(question.span).hint(hint)));
        };
        if private && question.entry.get("default").and_then(scalar_text).as_ref() != Some(&typed) {
            self.shared.redactor.add(&typed);
        }
        if let Some(scheme) = question.text("encrypt") {
            return self.encrypted(question, &typed, &scheme);
        }
        // As in Ansible, what was typed may be a template unless it is called unsafe.
        let text =
            if question.flag("unsafe", false)? { Text::plain(typed) } else { Text::trusted(typed, None) };
        Ok(Value::Str(text))
    }

    /// What was typed; `None` without a terminal.
    fn ask(
        &self,
        question: &Question<'_>,
        default: Option<&str>,
        private: bool,
        confirm: bool,
    ) -> Option<String> {
        let prompt = &self.shared.prompt;
        if !prompt.interactive() {
            let text = "Not prompting as we are not in interactive mode".to_owned();
            self.shared.reporter.event(Event::Warning(text));
            return None;
        }
        let said = question.text("prompt").unwrap_or_else(|| question.name.clone());
        let text = match default {
            Some(default) => format!("{said} [{default}]: "),
            None => format!("{said}: "),
        };
        loop {
            let answer = prompt.ask(&text, private)?;
            if !confirm || prompt.ask(&format!("confirm {text}"), private)? == answer {
                return Some(answer);
            }
            self.shared.reporter.event(Event::Said("***** VALUES ENTERED DO NOT MATCH ****".to_owned()));
        }
    }

    /// The hash of what was typed (`encrypt:`).
    fn encrypted(&self, question: &Question<'_>, typed: &str, scheme: &str) -> Result<Value, Wrong> {
        let mut scope = Map::new();
        scope.insert(Key::from("typed"), Value::text(typed));
        scope.insert(Key::from("scheme"), Value::text(scheme));
        let mut call = "typed | password_hash(scheme".to_owned();
        for (key, name) in [("salt", "salt"), ("salt_size", "salt_size")] {
            if let Some(value) = question.entry.get(key).filter(|v| !matches!(v, Value::Null)) {
                scope.insert(Key::from(name), value.clone());
                call.push_str(&format!(", {name}={name}"));
            }
        }
        call.push(')');
        let layers = Layers::default().with(scope);
        let hashed = self.shared.templar.expression(&call, None, &TemplateContext::new(&layers, nowhere()));
        hashed.map_err(|error| {
            let text = format!("the answer for '{}' cannot be encrypted: {}", question.name, error.message);
            let place = question.entry.get("encrypt").and_then(Value::span).unwrap_or(question.span);
            Box::new(Diagnostic::error(text).at(place))
        })
    }
}
