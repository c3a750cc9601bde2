//! Host patterns against a model that knows nothing but sets.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::Inventory;
use crate::secrets::Secrets;

/// For each group `g0`, `g1`, ... the hosts `h0`, `h1`, ... that it lists, and the later groups that are its children.
#[derive(Debug, Clone)]
struct World {
    hosts: usize,
    groups: Vec<(BTreeSet<usize>, BTreeSet<usize>)>,
}

type Hosts = BTreeSet<String>;

impl World {
    fn all(&self) -> Hosts {
        (0..self.hosts).map(|host| format!("h{host}")).collect()
    }

    fn of_group(&self, group: usize) -> Hosts {
        let (own, children) = &self.groups[group];
        let below = children.iter().flat_map(|child| self.of_group(*child));
        own.iter().map(|host| format!("h{host}")).chain(below).collect()
    }

    fn ungrouped(&self) -> Hosts {
        let grouped: Hosts = (0..self.groups.len()).flat_map(|group| self.of_group(group)).collect();
        self.all().difference(&grouped).cloned().collect()
    }

    fn inventory(&self) -> Inventory {
        let mut out = Inventory::empty(&Arc::new(Secrets::none()));
        for host in 0..self.hosts {
            out.add_host(&format!("h{host}"), None).unwrap();
        }
        for group in 0..self.groups.len() {
            out.add_group(&format!("g{group}")).unwrap();
        }
        for (group, (hosts, children)) in self.groups.iter().enumerate() {
            for host in hosts {
                out.add_host(&format!("h{host}"), Some(&format!("g{group}"))).unwrap();
            }
            for child in children {
                out.add_child(&format!("g{group}"), &format!("g{child}")).unwrap();
            }
        }
        out.reconcile();
        out
    }

    /// What a name, a wildcard or an expression means: the hosts of all groups, and all hosts, that it fits.
    fn meant(&self, atom: &Atom) -> Hosts {
        let fitting = |fits: &dyn Fn(&str) -> bool| -> Hosts {
            let groups = (0..self.groups.len()).filter(|group| fits(&format!("g{group}")));
            let hosts = self.all().into_iter().filter(|host| fits(host));
            let mut out: Hosts = groups.flat_map(|group| self.of_group(group)).chain(hosts).collect();
            if fits("all") {
                out.extend(self.all());
            }
            if fits("ungrouped") {
                out.extend(self.ungrouped());
            }
            out
        };
        match atom {
            Atom::All => self.all(),
            Atom::Ungrouped => self.ungrouped(),
            Atom::Nobody => Hosts::new(),
            Atom::Group(group) => fitting(&|name| name == format!("g{}", group % self.groups.len())),
            Atom::Host(host) => fitting(&|name| name == format!("h{}", host % self.hosts)),
            Atom::Begins(begin) => fitting(&|name| name.starts_with(begin.as_str())),
            Atom::Ends(end) => fitting(&|name| name.ends_with(end.as_str())),
            Atom::OneMore(begin) => fitting(&|name| {
                name.strip_prefix(begin.as_str()).is_some_and(|rest| rest.chars().count() == 1)
            }),
            Atom::OneOf(kind, digits) => fitting(&|name| {
                name.strip_prefix(*kind).is_some_and(|rest| {
                    rest.len() == 1 && digits.iter().any(|digit| rest == digit.to_string())
                })
            }),
        }
    }

    fn text(&self, atom: &Atom, expression: bool) -> String {
        let digits = |digits: &[u8]| digits.iter().map(u8::to_string).collect::<String>();
        match (atom, expression) {
            (Atom::All, _) => "all".into(),
            (Atom::Ungrouped, _) => "ungrouped".into(),
            (Atom::Nobody, _) => "nobody".into(),
            (Atom::Group(group), _) => format!("g{}", group % self.groups.len()),
            (Atom::Host(host), _) => format!("h{}", host % self.hosts),
            (Atom::Begins(begin), true) => format!("~{begin}"),
            (Atom::Begins(begin), false) => format!("{begin}*"),
            (Atom::Ends(end), true) => format!("~.*{end}$"),
            (Atom::Ends(end), false) => format!("*{end}"),
            (Atom::OneMore(begin), true) => format!("~{begin}.$"),
            (Atom::OneMore(begin), false) => format!("{begin}?"),
            (Atom::OneOf(kind, some), true) => format!("~{kind}[{}]$", digits(some)),
            (Atom::OneOf(kind, some), false) => format!("{kind}[{}]", digits(some)),
        }
    }
}

/// One name of a pattern.
#[derive(Debug, Clone)]
enum Atom {
    All,
    Ungrouped,
    Nobody,
    Group(usize),
    Host(usize),
    Begins(String),
    Ends(String),
    OneMore(String),
    /// `h` or `g`, and digits that are no subscript when they stand in brackets.
    OneOf(char, Vec<u8>),
}

/// One name with what stands before it.
#[derive(Debug, Clone)]
struct Term {
    sign: &'static str,
    expression: bool,
    atom: Atom,
}

fn world() -> impl Strategy<Value = World> {
    (1_usize..14, 1_usize..7).prop_flat_map(|(hosts, groups)| {
        let group = move |number: usize| {
            let children = prop::collection::btree_set(number + 1..groups.max(number + 2), 0..3);
            (prop::collection::btree_set(0..hosts, 0..5), children).prop_map(move |(hosts, children)| {
                (hosts, children.into_iter().filter(|child| *child < groups).collect::<BTreeSet<_>>())
            })
        };
        (0..groups).map(group).collect::<Vec<_>>().prop_map(move |groups| World { hosts, groups })
    })
}

fn atom() -> impl Strategy<Value = Atom> {
    prop_oneof![
        Just(Atom::All),
        Just(Atom::Ungrouped),
        Just(Atom::Nobody),
        (0_usize..9).prop_map(Atom::Group),
        (0_usize..20).prop_map(Atom::Host),
        "[gh]1?".prop_map(Atom::Begins),
        "[0-3]".prop_map(Atom::Ends),
        "[gh]1?".prop_map(Atom::OneMore),
        // In brackets, `h[12]` would be the thirteenth host of a group `h`: a letter keeps them apart.
        (prop_oneof![Just('g'), Just('h')], prop::collection::vec(0_u8..6, 1..4))
            .prop_map(|(kind, digits)| Atom::OneOf(kind, digits)),
    ]
}

fn terms() -> impl Strategy<Value = Vec<Term>> {
    let sign = prop_oneof![3 => Just(""), 1 => Just("&"), 1 => Just("!")];
    let term =
        (sign, any::<bool>(), atom()).prop_map(|(sign, expression, atom)| Term { sign, expression, atom });
    prop::collection::vec(term, 1..6)
}

/// First all that are named are joined, then it is cut down, then some are taken out, wherever they stand.
fn expected(world: &World, terms: &[Term]) -> Hosts {
    let signed = |sign: &'static str| terms.iter().filter(move |term| term.sign == sign);
    let mut out: Hosts = if signed("").next().is_none() {
        world.all()
    } else {
        signed("").flat_map(|term| world.meant(&term.atom)).collect()
    };
    for term in signed("&") {
        let those = world.meant(&term.atom);
        out.retain(|host| those.contains(host));
    }
    for term in signed("!") {
        let those = world.meant(&term.atom);
        out.retain(|host| !those.contains(host));
    }
    out
}

/// Digits in brackets alone are a subscript: as a wildcard they are written with a letter that no name has.
fn written(world: &World, term: &Term) -> String {
    let text = world.text(&term.atom, term.expression);
    let text = match &term.atom {
        Atom::OneOf(..) if !term.expression => text.replace('[', "[x"),
        _ => text,
    };
    format!("{}{text}", term.sign)
}

proptest! {
    #[test]
    fn patterns_mean_what_sets_say(world in world(), terms in terms(), comma in any::<bool>()) {
        let inventory = world.inventory();
        let words: Vec<String> = terms.iter().map(|term| written(&world, term)).collect();
        // A single comma makes all of them separators.
        let pattern = words.join(if comma || words.len() == 1 { "," } else { ":" });
        let found = inventory.match_pattern(&pattern, None).unwrap();
        let unique: Hosts = found.iter().cloned().collect();
        prop_assert_eq!(unique.len(), found.len(), "{} gives a host twice: {:?}", pattern, found);
        prop_assert_eq!(unique, expected(&world, &terms), "{}", pattern);
    }

    #[test]
    fn limits_cut_down(world in world(), terms in terms(), limit in terms()) {
        let inventory = world.inventory();
        let text = |terms: &[Term]| terms.iter().map(|term| written(&world, term)).collect::<Vec<_>>().join(",");
        let whole = inventory.match_pattern(&text(&terms), None).unwrap();
        let limited = inventory.match_pattern(&text(&terms), Some(&text(&limit))).unwrap();
        let those = expected(&world, &limit);
        // The order is that without a limit.
        let wanted: Vec<String> = whole.into_iter().filter(|host| those.contains(host)).collect();
        prop_assert_eq!(limited, wanted);
    }

    #[test]
    fn subscripts_count_in_the_order_of_the_pattern(world in world(), group in 0_usize..6, from in 0_usize..6, to in 1_usize..8) {
        let inventory = world.inventory();
        let group = format!("g{}", group % world.groups.len());
        let whole = inventory.match_pattern(&group, None).unwrap();
        let part = inventory.match_pattern(&format!("{group}[{from}:{to}]"), None).unwrap();
        let wanted: Vec<String> = whole.iter().skip(from).take((to + 1).saturating_sub(from)).cloned().collect();
        prop_assert_eq!(part, wanted);
        match inventory.match_pattern(&format!("{group}[{from}]"), None) {
            Ok(one) => prop_assert_eq!(one, whole.get(from).cloned().into_iter().collect::<Vec<_>>()),
            Err(_) => prop_assert!(!whole.is_empty() && from >= whole.len()),
        }
        if let Some(last) = whole.last() {
            prop_assert_eq!(&inventory.match_pattern(&format!("{group}[-1]"), None).unwrap()[..], std::slice::from_ref(last));
        }
    }
}
