//! Tasks whose module is the result of a template: `action: "{{ ansible_facts.pkg_mgr }}"`.

use super::exec::Exec;
use crate::actions::Kind;
use crate::playbook::Task;
use crate::template::{TemplateError, TemplateErrorKind};
use crate::vars::scope::Layers;
use std::sync::Arc;

impl Exec {
    /// The task with the module that its template names on this host; `None` if it names its module itself.
    ///
    /// # Errors
    /// If the template fails, gives no module's name, or gives an action that has to be known before the task runs.
    pub(super) fn with_action(&self, layers: &Layers) -> Result<Option<Arc<Task>>, TemplateError> {
        let Some(template) = &self.task.action_template else { return Ok(None) };
        let fail =
            |message: String| TemplateError::new(TemplateErrorKind::Failed, message).at(template.span());
        let name =
            self.shared.templar.render(template, &self.cx(layers)).map_err(|e| e.at(template.span()))?;
        let name = name.as_str().unwrap_or_default();
        let Some(action) = self.shared.loader.action(name) else {
            return Err(fail(format!("couldn't resolve module/action '{name}'")));
        };
        if !matches!(action.kind, Kind::Agent | Kind::Controller | Kind::Lacking | Kind::Own(_)) {
            return Err(fail(format!("the action '{name}' cannot come from a template")));
        }
        let mut task = Task::clone(&self.task);
        task.action = action;
        task.action_written = name.to_owned();
        task.action_template = None;
        Ok(Some(Arc::new(task)))
    }
}
