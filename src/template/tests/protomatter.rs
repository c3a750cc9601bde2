//! `ansible._protomatter`: tests of what a value is beyond what it looks like.

use super::Test;
use crate::template::filters::tags;

pub(super) const TESTS: &[Test] = &[
    Test::new("tagged", &[], |_, b| Ok(!tags(&b.value).is_empty())),
    Test::new("tagged_with", &["tag_name!"], |it, b| {
        let wanted = b.str_or(it, 0, "")?;
        Ok(tags(&b.value).contains(&wanted.as_str()))
    }),
];
