//! Where each host is in its play: a stack of blocks, and what to do when a task fails.

use crate::playbook::{Block, Node, Section, Task};
use std::collections::HashSet;
use std::sync::Arc;

/// Where a host is; hosts with equal positions are at the same task. Compares in the order of the play.
pub type Position = Vec<(u32, Section, u32)>;

#[derive(Debug, Clone)]
struct Frame {
    block: Arc<Block>,
    section: Section,
    index: usize,
    /// The block failed and no rescue has cleared it: when `always` is done, what is around it fails too.
    failed: bool,
    /// Tells apart blocks that different hosts entered at the same place (includes).
    group: u32,
}

/// What a host has to do next.
#[derive(Debug, Clone)]
pub enum Next {
    /// This task, at this position.
    Task(Arc<Task>, Position),
    /// Nothing: it is at the end of the play.
    Done,
}

/// What became of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A rescue takes over.
    Rescued,
    /// Only `always` parts are left, if any; then the host is out.
    Fatal,
}

/// Where one host is in a play.
#[derive(Debug, Clone)]
pub struct HostState {
    stack: Vec<Frame>,
    /// The host is out: it failed, was unreachable or ended.
    pub gone: bool,
    /// It is out because of a failure.
    pub failed: bool,
    /// Roles that it ran to the end, by identity.
    pub roles_done: HashSet<String>,
    /// Roles of which a task ran: one that was skipped as a whole has not been run.
    pub roles_begun: HashSet<String>,
}

impl HostState {
    /// A host at the beginning of a play, whose parts are the nodes of one block.
    #[must_use]
    pub fn new(root: Arc<Block>) -> Self {
        Self {
            stack: vec![Frame { block: root, section: Section::Main, index: 0, failed: false, group: 0 }],
            gone: false,
            failed: false,
            roles_done: HashSet::new(),
            roles_begun: HashSet::new(),
        }
    }

    /// The next task. Enters and leaves blocks on the way, but does not go past the task.
    pub fn peek(&mut self) -> Next {
        if self.gone {
            return Next::Done;
        }
        loop {
            let Some(frame) = self.stack.last_mut() else { return Next::Done };
            if let Some(node) = frame.block.section(frame.section).get(frame.index) {
                match node {
                    Node::Task(task) => {
                        let task = Arc::clone(task);
                        return Next::Task(task, self.position());
                    }
                    Node::Block(block) => {
                        let block = Arc::clone(block);
                        let done = block
                            .role_root
                            .as_ref()
                            .is_some_and(|r| !r.allow_duplicates && self.roles_done.contains(&r.identity));
                        if done {
                            frame.index += 1;
                        } else {
                            self.enter(block, 0);
                        }
                        continue;
                    }
                }
            }
            // The part is done.
            match frame.section {
                Section::Main | Section::Rescue if !frame.block.always.is_empty() => {
                    frame.section = Section::Always;
                    frame.index = 0;
                }
                _ => {
                    let Some(frame) = self.stack.pop() else { return Next::Done };
                    if frame.failed {
                        if self.unwind() == Failure::Fatal && self.stack.is_empty() {
                            self.gone = true;
                            self.failed = true;
                            return Next::Done;
                        }
                        continue;
                    }
                    if let Some(role) = &frame.block.role_root
                        && self.roles_begun.contains(&role.identity)
                    {
                        self.roles_done.insert(role.identity.clone());
                    }
                    match self.stack.last_mut() {
                        // An included block stands in front of the node behind the include, which was passed already.
                        Some(_) if frame.group > 0 => {}
                        Some(parent) => parent.index += 1,
                        None => {}
                    }
                }
            }
        }
    }

    fn enter(&mut self, block: Arc<Block>, group: u32) {
        self.stack.push(Frame { block, section: Section::Main, index: 0, failed: false, group });
    }

    /// Goes past the task that `peek` gave.
    pub fn advance(&mut self) {
        if let Some(frame) = self.stack.last_mut() {
            frame.index += 1;
        }
    }

    /// Puts an included block in front of what comes next. `group` is not 0 and is equal for hosts that share the block.
    pub fn include(&mut self, block: Arc<Block>, group: u32) {
        self.enter(block, group);
    }

    /// The task that `peek` gave failed: go to the rescue, or to the `always` parts on the way out.
    pub fn fail(&mut self) -> Failure {
        let outcome = self.unwind();
        if self.stack.is_empty() {
            self.gone = true;
            self.failed = true;
        }
        outcome
    }

    /// Whether a failure now would be rescued.
    #[must_use]
    pub fn has_rescue(&self) -> bool {
        self.stack.iter().rev().any(|f| f.section == Section::Main && !f.failed && !f.block.rescue.is_empty())
    }

    fn unwind(&mut self) -> Failure {
        while let Some(frame) = self.stack.last_mut() {
            match frame.section {
                Section::Main if !frame.block.rescue.is_empty() => {
                    frame.section = Section::Rescue;
                    frame.index = 0;
                    return Failure::Rescued;
                }
                Section::Main | Section::Rescue if !frame.block.always.is_empty() => {
                    frame.section = Section::Always;
                    frame.index = 0;
                    frame.failed = true;
                    return if self.outer_rescue() { Failure::Rescued } else { Failure::Fatal };
                }
                _ => {
                    self.stack.pop();
                }
            }
        }
        Failure::Fatal
    }

    /// Whether a block around the current one rescues.
    fn outer_rescue(&self) -> bool {
        let around = self.stack.len().saturating_sub(1);
        self.stack[..around].iter().any(|f| f.section == Section::Main && !f.block.rescue.is_empty())
    }

    /// Leaves the role that is running (`meta: end_role`).
    pub fn end_role(&mut self) {
        while let Some(frame) = self.stack.pop() {
            if let Some(role) = &frame.block.role_root {
                self.roles_done.insert(role.identity.clone());
                if frame.group == 0
                    && let Some(parent) = self.stack.last_mut()
                {
                    parent.index += 1;
                }
                return;
            }
        }
        self.gone = true;
    }

    /// The host does nothing more in this play.
    pub fn end(&mut self) {
        self.failed = self.has_failed();
        self.stack.clear();
        self.gone = true;
    }

    /// Whether it failed, and nothing has rescued it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed || self.stack.iter().any(|f| f.failed)
    }

    /// Its failures are forgotten: a host that is on its way out goes on.
    pub fn forgive(&mut self) {
        self.failed = false;
        self.stack.iter_mut().for_each(|f| f.failed = false);
    }

    fn position(&self) -> Position {
        let inner = self.stack.iter().skip(1).map(|f| f.group).chain([0]);
        let at = |f: &Frame, inner: u32| {
            // The parent of an included block was moved past the include already.
            let index = if inner > 0 { f.index.saturating_sub(1) } else { f.index };
            (f.group, f.section, index as u32)
        };
        self.stack.iter().zip(inner).map(|(f, inner)| at(f, inner)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::playbook::Loader;

    /// Runs the tasks of a text by name; those that begin with `bad` fail. Gives the names that ran, and whether the host is out.
    fn walk(text: &str) -> (Vec<String>, bool) {
        let nodes = Loader::nodes_of_text(text);
        let root = Arc::new(Block { main: nodes, ..Block::default() });
        let mut state = HostState::new(root);
        let mut ran = Vec::new();
        while let Next::Task(task, _) = state.peek() {
            let name = task.name.as_ref().unwrap().as_str().unwrap().to_owned();
            ran.push(name.clone());
            if name.starts_with("bad") {
                state.fail();
            } else {
                state.advance();
            }
        }
        (ran, state.failed)
    }

    fn own(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_rescue_clears_a_failure() {
        let text = "
- block: [{name: a, meta: noop}, {name: bad, meta: noop}, {name: never, meta: noop}]
  rescue: [{name: r, meta: noop}]
  always: [{name: z, meta: noop}]
- {name: after, meta: noop}
";
        assert_eq!(walk(text), (own("a bad r z after"), false));
    }

    #[test]
    fn always_runs_on_the_way_out() {
        let text = "
- block:
    - block: [{name: bad, meta: noop}]
      always: [{name: inner, meta: noop}]
    - {name: never, meta: noop}
  always: [{name: outer, meta: noop}]
- {name: after, meta: noop}
";
        assert_eq!(walk(text), (own("bad inner outer"), true));
    }

    #[test]
    fn a_failure_in_a_rescue_fails_the_block() {
        let text = "
- block:
    - block: [{name: bad1, meta: noop}]
      rescue: [{name: bad2, meta: noop}]
      always: [{name: z, meta: noop}]
  rescue: [{name: outer, meta: noop}]
- {name: after, meta: noop}
";
        assert_eq!(walk(text), (own("bad1 bad2 z outer after"), false));
    }

    #[test]
    fn a_failure_in_always_fails_the_host() {
        let text = "
- block: [{name: a, meta: noop}]
  always: [{name: bad, meta: noop}, {name: never, meta: noop}]
- {name: after, meta: noop}
";
        assert_eq!(walk(text), (own("a bad"), true));
    }
}
