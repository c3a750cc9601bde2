//! The callbacks `timer` and `profile_tasks`: how long the run and its tasks took.

use super::{Callback, Said};
use crate::report::event::Event;
use indexmap::IndexMap;
use std::time::{Duration, Instant};

/// Tells at the end how long the playbook ran.
pub struct Timer {
    since: Instant,
}

impl Default for Timer {
    fn default() -> Self {
        Self { since: Instant::now() }
    }
}

impl Callback for Timer {
    fn event(&mut self, event: &Event, said: &mut Vec<Said>) {
        if !matches!(event, Event::Recap { .. }) {
            return;
        }
        let seconds = self.since.elapsed().as_secs();
        said.push(Said::Banner("PLAYBOOK RECAP".to_owned()));
        said.push(Said::Line(format!(
            "Playbook run took {} days, {} hours, {} minutes, {} seconds\n\r",
            seconds / 86_400,
            seconds / 3_600 % 24,
            seconds / 60 % 60,
            seconds % 60
        )));
    }
}

/// How `profile_tasks` is set.
#[derive(Debug, Clone, Copy)]
pub struct ProfileSettings {
    /// How many tasks it tells at the end; `None` is all of them.
    pub limit: Option<usize>,
    /// The longest first (`Some(true)`), last, or as they ran.
    pub descending: Option<bool>,
    /// Nothing is told before the end.
    pub summary_only: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// The tasks' places are told.
    pub paths: bool,
}

/// Tells the time before each task, and at the end how long each took.
pub struct ProfileTasks {
    settings: ProfileSettings,
    began: Instant,
    /// When the time was told last.
    told: Instant,
    tasks: IndexMap<u64, Profile>,
    current: Option<u64>,
}

struct Profile {
    name: String,
    path: String,
    began: Instant,
    took: Duration,
}

impl ProfileTasks {
    /// Begins to measure.
    #[must_use]
    pub fn new(settings: ProfileSettings) -> Self {
        let now = Instant::now();
        Self { settings, began: now, told: now, tasks: IndexMap::new(), current: None }
    }

    fn now(&mut self) -> Said {
        let clock = chrono::Local::now().format("%A %d %B %Y  %H:%M:%S %z");
        let (task, all) = (spoken(self.told.elapsed()), spoken(self.began.elapsed()));
        self.told = Instant::now();
        Said::Line(filled(&format!("{clock} ({task})       {all}"), "*"))
    }

    fn end_current(&mut self) {
        if let Some(task) = self.current.take().and_then(|id| self.tasks.get_mut(&id)) {
            task.took += task.began.elapsed();
        }
    }
}

impl Callback for ProfileTasks {
    fn event(&mut self, event: &Event, said: &mut Vec<Said>) {
        match event {
            Event::Task { id, name, path, .. } => {
                if !self.settings.summary_only {
                    let now = self.now();
                    said.push(now);
                }
                self.end_current();
                self.current = Some(*id);
                let now = Instant::now();
                let new =
                    || Profile { name: name.clone(), path: path.clone(), began: now, took: Duration::ZERO };
                self.tasks.entry(*id).or_insert_with(new).began = now;
            }
            Event::Recap { .. } => {
                said.push(Said::Banner("TASKS RECAP".to_owned()));
                let now = self.now();
                said.push(now);
                said.push(Said::Line(filled("", "=")));
                self.end_current();
                let mut tasks: Vec<&Profile> = self.tasks.values().collect();
                match self.settings.descending {
                    Some(true) => tasks.sort_by_key(|task| std::cmp::Reverse(task.took)),
                    Some(false) => tasks.sort_by_key(|task| task.took),
                    None => {}
                }
                for task in tasks.into_iter().take(self.settings.limit.unwrap_or(usize::MAX)) {
                    let width = self.settings.width;
                    let took = format!(" {:.2}s", task.took.as_secs_f64());
                    let name = format!("{} ", task.name);
                    let mut line = format!("{name:-<left$}{took:->9}", left = width.saturating_sub(9));
                    if self.settings.paths {
                        line.push_str(&format!("\n{:-<width$}", format!("{} ", task.path)));
                    }
                    said.push(Said::Line(line));
                }
            }
            _ => {}
        }
    }
}

/// Hours, minutes, seconds and thousandths.
fn spoken(time: Duration) -> String {
    let (millis, seconds) = (time.subsec_millis(), time.as_secs());
    format!("{}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A text filled up to 79 columns.
fn filled(text: &str, with: &str) -> String {
    let text = if text.is_empty() { String::new() } else { format!("{text} ") };
    let gap = 79_usize.saturating_sub(text.chars().count()).max(3);
    format!("{text}{} ", with.repeat(gap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lines_have_their_form() {
        assert_eq!(spoken(Duration::from_millis(3_723_045)), "1:02:03.045");
        assert_eq!(filled("", "="), format!("{} ", "=".repeat(79)));
        assert_eq!(filled("ab", "*"), format!("ab {} ", "*".repeat(76)));
    }

    #[test]
    fn tasks_that_run_again_add_up() {
        let settings =
            ProfileSettings { limit: Some(1), descending: None, summary_only: true, width: 79, paths: false };
        let mut profile = ProfileTasks::new(settings);
        let task = |id| Event::Task {
            id,
            name: format!("task {id}"),
            handler: false,
            path: String::new(),
            hosts: 1,
            check: false,
            action: "ping".to_owned(),
            args: String::new(),
        };
        let mut said = Vec::new();
        for id in [1, 2, 1] {
            profile.event(&task(id), &mut said);
        }
        assert!(said.is_empty());
        assert_eq!(profile.tasks.len(), 2);
        profile.event(&Event::Recap { hosts: Vec::new(), custom: Vec::new() }, &mut said);
        let expected = format!("task 1 {} 0.00s", "-".repeat(79 - 7 - 6));
        assert_eq!(said.last(), Some(&Said::Line(expected)));
        assert_eq!(said.len(), 4);
    }
}
