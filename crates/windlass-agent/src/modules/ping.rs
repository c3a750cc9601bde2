//! `ping`: answers.

use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::modules::ping::PingArgs;

/// The module.
pub struct Ping;

impl Module for Ping {
    type Args = PingArgs;

    fn plan(args: &PingArgs, _cx: &Context<'_>, _sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if args.data == "crash" {
            // What the reference says when a module crashes.
            return Err(ModuleError::new("Task failed: Module failed: boom"));
        }
        let mut plan = Plan::default();
        plan.set("ping", args.data.as_str());
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use crate::system::fake::Fake;
    use serde_json::json;

    #[test]
    fn answers_and_crashes_on_request() {
        let fake = Fake::new();
        let outcome = fake.check_module("ping", json!({"data": "hello"}));
        assert_eq!(outcome.values()["ping"], "hello");
        let outcome = fake.run_module("ansible.builtin.ping", json!({"data": "crash"}));
        assert!(outcome.failed && !outcome.changed);
        assert_eq!(outcome.msg.as_deref(), Some("Task failed: Module failed: boom"));
    }
}
