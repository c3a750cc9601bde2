//! `ping`: answers.

use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::modules::ping::PingArgs;

/// The module.
pub struct Ping;

impl Module for Ping {
    type Args = PingArgs;

    fn plan(args: &PingArgs, _cx: &Context<'_>, _sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if args.data == "crash" {
            return Err(ModuleError::new("boom"));
        }
        let mut plan = Plan::default();
        plan.set("ping", args.data.as_str());
        Ok(plan)
    }
}
