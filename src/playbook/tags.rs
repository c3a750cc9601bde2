//! `--tags` and `--skip-tags`.

use std::collections::BTreeSet;

/// Which tags run.
#[derive(Debug, Clone)]
pub struct TagFilter {
    /// `--tags`; `all` if none were given.
    pub only: BTreeSet<String>,
    /// `--skip-tags`.
    pub skip: BTreeSet<String>,
}

impl Default for TagFilter {
    fn default() -> Self {
        Self { only: ["all".to_owned()].into(), skip: BTreeSet::new() }
    }
}

impl TagFilter {
    /// From the options as given: each may hold several tags with commas. One without a tag chooses nothing.
    #[must_use]
    pub fn new(only: &[String], skip: &[String]) -> Self {
        let split = |given: &[String]| -> BTreeSet<String> {
            given.iter().flat_map(|t| t.split(',')).map(str::trim).map(str::to_owned).collect()
        };
        let mut only = split(only);
        if only.is_empty() {
            only.insert("all".to_owned());
        }
        Self { only, skip: split(skip) }
    }

    /// Whether something with these tags runs. `always` runs unless it is skipped, `never` only if it is asked for.
    #[must_use]
    pub fn runs(&self, tags: &[String]) -> bool {
        let untagged = tags.is_empty();
        let has = |set: &BTreeSet<String>| tags.iter().any(|t| set.contains(t));
        let is = |name: &str| tags.iter().any(|t| t == name);
        let never = is("never");
        let mut run = is("always")
            || (self.only.contains("all") && !never)
            || has(&self.only)
            || (self.only.contains("tagged") && !untagged && !never)
            || (self.only.contains("untagged") && untagged);
        if run && !self.skip.is_empty() {
            if self.skip.contains("all") {
                run = is("always") && !self.skip.contains("always");
            } else if has(&self.skip)
                || (self.skip.contains("tagged") && !untagged)
                || (self.skip.contains("untagged") && untagged)
            {
                run = false;
            }
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::TagFilter;

    fn runs(only: &str, skip: &str, tags: &str) -> bool {
        let own = |s: &str| s.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        TagFilter::new(&own(only), &own(skip)).runs(&own(tags))
    }

    #[test]
    fn as_ansible_has_it() {
        for (only, skip, tags, expected) in [
            ("", "", "", true),
            ("", "", "never", false),
            ("", "", "a never", false),
            ("never", "", "a never", true),
            ("a", "", "a never", true),
            ("a", "", "", false),
            ("a", "", "always", true),
            ("a", "always", "always", false),
            ("", "always", "always", false),
            ("tagged", "", "a", true),
            ("tagged", "", "", false),
            ("tagged", "", "never", false),
            ("untagged", "", "", true),
            ("untagged", "", "a", false),
            ("", "a", "a b", false),
            ("", "tagged", "", true),
            ("", "untagged", "", false),
            ("", "all", "a", false),
            ("a,b", "", "b", true),
            (",b", "", "b", true),
        ] {
            assert_eq!(runs(only, skip, tags), expected, "--tags {only:?} --skip-tags {skip:?} on {tags:?}");
        }
        let none = TagFilter::new(&[String::new()], &[]);
        assert!(!none.runs(&[]) && !none.runs(&["a".to_owned()]) && none.runs(&["always".to_owned()]));
    }
}
