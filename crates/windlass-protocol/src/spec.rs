//! How a module describes its arguments, so that the controller can check them before a host is touched and
//! `windlass doc` can show them. [`module_args!`] makes the description and the typed struct from one text.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The type of an argument, with Ansible's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// Text; scalars are converted.
    Str,
    /// Text; `~` and variables are expanded on the target.
    Path,
    /// `yes`, `on`, `1`, `true` and their opposites.
    Bool,
    /// Whole number.
    Int,
    /// Number.
    Float,
    /// List; a text is split at commas, another scalar becomes a list of one.
    List(&'static ArgKind),
    /// Mapping; JSON text or `k=v` text is accepted.
    Dict,
    /// Anything, as it is.
    Raw,
    /// A JSON text; mappings and lists are turned into one.
    Json,
}

impl ArgKind {
    /// Ansible's word for the type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Path => "path",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::List(_) => "list",
            Self::Dict => "dict",
            Self::Raw => "raw",
            Self::Json => "json",
        }
    }
}

/// A Rust type that can stand for an argument.
pub trait ArgType {
    /// Its Ansible type.
    const KIND: ArgKind;
    /// The allowed texts; empty means any.
    const CHOICES: &'static [&'static str] = &[];
}

impl ArgType for String {
    const KIND: ArgKind = ArgKind::Str;
}
impl ArgType for bool {
    const KIND: ArgKind = ArgKind::Bool;
}
impl ArgType for i64 {
    const KIND: ArgKind = ArgKind::Int;
}
impl ArgType for u32 {
    const KIND: ArgKind = ArgKind::Int;
}
impl ArgType for f64 {
    const KIND: ArgKind = ArgKind::Float;
}
impl ArgType for serde_json::Value {
    const KIND: ArgKind = ArgKind::Raw;
}
impl ArgType for crate::JsonMap {
    const KIND: ArgKind = ArgKind::Dict;
}
impl<T: ArgType> ArgType for Option<T> {
    const KIND: ArgKind = T::KIND;
    const CHOICES: &'static [&'static str] = T::CHOICES;
}
impl<T: ArgType> ArgType for Vec<T> {
    const KIND: ArgKind = ArgKind::List(&T::KIND);
    const CHOICES: &'static [&'static str] = T::CHOICES;
}

/// A path on the target; the agent expands `~` and variables before the module sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathArg(pub String);

impl ArgType for PathArg {
    const KIND: ArgKind = ArgKind::Path;
}
impl std::ops::Deref for PathArg {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// A JSON text (`jsonarg`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonArg(pub String);

impl ArgType for JsonArg {
    const KIND: ArgKind = ArgKind::Json;
}

/// One argument.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does, for `windlass doc`.
    pub doc: &'static str,
    /// Its type.
    pub kind: ArgKind,
    /// Allowed texts; empty means any.
    pub choices: &'static [&'static str],
    /// Other names.
    pub aliases: &'static [&'static str],
    /// It has to be given.
    pub required: bool,
    /// Value when it is not given, as an operator would write it.
    pub default: Option<&'static str>,
    /// Its value is a secret.
    pub no_log: bool,
}

impl FieldSpec {
    /// An optional argument.
    #[must_use]
    pub const fn new(
        name: &'static str,
        doc: &'static str,
        kind: ArgKind,
        choices: &'static [&'static str],
    ) -> Self {
        Self { name, doc, kind, choices, aliases: &[], required: false, default: None, no_log: false }
    }
    /// Just a name, of any type.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self {
        Self::new(name, "", ArgKind::Raw, &[])
    }
    /// It has to be given.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    /// Other names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
    /// Value when it is not given, as an operator would write it (`"false"`, `"a,b"`, `"5"`).
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }
    /// Allowed texts, where the type does not give them.
    #[must_use]
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }
    /// The value is a secret.
    #[must_use]
    pub const fn no_log(mut self) -> Self {
        self.no_log = true;
        self
    }
    /// The name to use in the arguments where it is a Rust keyword (`r#type` becomes `type`) or has a dash.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }
}

/// A rule over several arguments. A default counts as not given.
#[derive(Debug, Clone, Copy)]
pub enum Constraint {
    /// At most one of these.
    MutuallyExclusive(&'static [&'static str]),
    /// All of these or none.
    RequiredTogether(&'static [&'static str]),
    /// At least one of these.
    RequiredOneOf(&'static [&'static str]),
    /// If the first has the value, these have to be given (all of them, or with `any` at least one).
    #[allow(missing_docs)]
    RequiredIf { key: &'static str, value: &'static str, needs: &'static [&'static str], any: bool },
    /// If the first is given, these have to be too.
    RequiredBy(&'static str, &'static [&'static str]),
}

/// How far a module goes along with check mode or diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Support {
    /// Always.
    #[default]
    Full,
    /// In some cases.
    Partial,
    /// Not at all: in check mode the task is skipped.
    None,
}

/// The description of a module.
#[derive(Debug, Clone, Copy)]
pub struct ModuleSpec {
    /// Canonical name, `ansible.builtin.file`.
    pub name: &'static str,
    /// Other names under which playbooks call it (fully qualified, or short ones that differ from the last part of `name`).
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub doc: &'static str,
    /// Groups of arguments: the module's own, then shared ones.
    pub fields: &'static [&'static [FieldSpec]],
    /// Rules over several arguments.
    pub constraints: &'static [Constraint],
    /// The argument that a free-form text becomes (`command: ls -l` gives `_raw_params`).
    pub free_form: Option<&'static str>,
    /// Check mode.
    pub check: Support,
    /// Diff.
    pub diff: Support,
    /// Arguments beyond the described ones are allowed (`set_fact`, `add_host`).
    pub open: bool,
}

impl ModuleSpec {
    /// All arguments, own ones first.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static FieldSpec> {
        self.fields.iter().flat_map(|group| group.iter())
    }
    /// The argument of that name or alias.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.all_fields().find(|f| f.name == name || f.aliases.contains(&name))
    }
    /// The last part of the name, `file`.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

/// A typed struct of arguments with its description.
pub trait ModuleArgs: DeserializeOwned + Send + Sync + 'static {
    /// The description.
    const SPEC: ModuleSpec;

    /// Takes the arguments out of a mapping that was checked by [`crate::args::normalize`]. It is much less code for each module than
    /// what its `Deserialize` does, and there are many modules in an agent.
    ///
    /// # Errors
    /// A value that does not have its type, or is missing.
    fn take(map: &mut crate::JsonMap) -> Result<Self, Unfit>;
}

/// An argument that does not have its type.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {error}")]
pub struct Unfit {
    name: &'static str,
    error: serde_json::Error,
}

/// Takes an argument out of a mapping. One that is missing counts as null.
///
/// # Errors
/// If it does not have this type.
#[inline(never)]
pub fn take<T: DeserializeOwned>(map: &mut crate::JsonMap, name: &'static str) -> Result<T, Unfit> {
    let value = map.swap_remove(name).unwrap_or(serde_json::Value::Null);
    serde_json::from_value(value).map_err(|error| Unfit { name, error })
}

/// The same for one that may be missing.
///
/// # Errors
/// If it does not have this type.
#[inline(never)]
pub fn take_or_default<T: DeserializeOwned + Default>(
    map: &mut crate::JsonMap,
    name: &'static str,
) -> Result<T, Unfit> {
    match map.swap_remove(name) {
        Some(value) => serde_json::from_value(value).map_err(|error| Unfit { name, error }),
        None => Ok(T::default()),
    }
}

/// A group of arguments that several modules share, used with `#[flatten]`-style `..` in [`module_args!`].
pub trait ArgGroup: DeserializeOwned + Default {
    /// Its arguments.
    const FIELDS: &'static [FieldSpec];

    /// As [`ModuleArgs::take`].
    ///
    /// # Errors
    /// A value that does not have its type.
    fn take(map: &mut crate::JsonMap) -> Result<Self, Unfit>;
}

/// Defines a struct of arguments and its [`ModuleSpec`] from one text.
///
/// ```
/// windlass_protocol::module_args! {
///     /// Does a thing to a path.
///     pub struct ThingArgs for "ansible.builtin.thing" {
///         /// The path.
///         path: windlass_protocol::spec::PathArg => required().aliases(&["dest"]),
///         /// Whether to go down.
///         recurse: bool => default("false"),
///         /// A number, if any.
///         depth: Option<i64>,
///     }
///     flatten { file: windlass_protocol::modules::FileCommon }
///     settings { check: windlass_protocol::spec::Support::Full }
///     constraints [ windlass_protocol::Constraint::RequiredTogether(&["depth", "path"]) ]
/// }
/// use windlass_protocol::ModuleArgs;
/// assert_eq!(ThingArgs::SPEC.field("dest").map(|f| f.name), Some("path"));
/// ```
///
/// `flatten` (groups of shared arguments), `settings` (fields of [`ModuleSpec`] other than name, doc, fields and
/// constraints) and `constraints` may be left out, but keep this order. An argument whose name is a Rust keyword or has a dash is written as
/// `r#type` / `some_name => named("type")`; serde then needs the same name: write `#[serde(rename = "type")]` above it.
#[macro_export]
macro_rules! module_args {
    (
        $(#[doc = $sdoc:literal])+
        pub struct $name:ident for $module:literal {
            $( $(#[doc = $doc:literal])+ $(#[serde($($serde:tt)*)])? $field:ident : $ty:ty $(=> $($method:ident($($arg:expr),*)).+)? ),* $(,)?
        }
        $( flatten { $( $group:ident : $gty:ty ),* $(,)? } )?
        $( settings { $( $skey:ident : $sval:expr ),* $(,)? } )?
        $( constraints [ $( $constraint:expr ),* $(,)? ] )?
    ) => {
        $(#[doc = $sdoc])+
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $doc])+ $(#[serde($($serde)*)])? pub $field : $ty, )*
            $( $( #[doc = "Shared arguments."] #[serde(flatten)] pub $group : $gty, )* )?
        }
        impl $crate::spec::ModuleArgs for $name {
            const SPEC: $crate::spec::ModuleSpec = $crate::spec::ModuleSpec {
                fields: &[
                    &[ $( $crate::spec::FieldSpec::new(
                        stringify!($field), concat!($($doc, "\n"),+),
                        <$ty as $crate::spec::ArgType>::KIND, <$ty as $crate::spec::ArgType>::CHOICES,
                    ) $($(.$method($($arg),*))+)? ),* ],
                    $( $( <$gty as $crate::spec::ArgGroup>::FIELDS, )* )?
                ],
                constraints: &[ $( $($constraint),* )? ],
                $( $( $skey: $sval, )* )?
                ..$crate::spec::ModuleSpec::base($module, concat!($($sdoc, "\n"),+))
            };

            #[allow(unused_variables)] // where there are no arguments
            fn take(map: &mut $crate::JsonMap) -> Result<Self, $crate::spec::Unfit> {
                Ok(Self {
                    $( $field: $crate::spec::take(
                        map,
                        const { $crate::spec::FieldSpec::plain(stringify!($field)) $($(.$method($($arg),*))+)? .name },
                    )?, )*
                    $( $( $group: <$gty as $crate::spec::ArgGroup>::take(map)?, )* )?
                })
            }
        }
    };
}

/// Defines a group of arguments that several modules share; same form as [`module_args!`]. All of its fields have
/// to have a default or be an `Option`.
#[macro_export]
macro_rules! arg_group {
    (
        $(#[doc = $sdoc:literal])+
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $(#[serde($($serde:tt)*)])? $field:ident : $ty:ty $(=> $($method:ident($($arg:expr),*)).+)? ),* $(,)?
        }
    ) => {
        $(#[doc = $sdoc])+
        #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $( $(#[doc = $doc])+ $(#[serde($($serde)*)])? pub $field : $ty, )*
        }
        impl $crate::spec::ArgGroup for $name {
            const FIELDS: &'static [$crate::spec::FieldSpec] = &[ $( $crate::spec::FieldSpec::new(
                stringify!($field), concat!($($doc, "\n"),+),
                <$ty as $crate::spec::ArgType>::KIND, <$ty as $crate::spec::ArgType>::CHOICES,
            ) $($(.$method($($arg),*))+)? ),* ];

            fn take(map: &mut $crate::JsonMap) -> Result<Self, $crate::spec::Unfit> {
                Ok(Self {
                    $( $field: $crate::spec::take_or_default(
                        map,
                        const { $crate::spec::FieldSpec::plain(stringify!($field)) $($(.$method($($arg),*))+)? .name },
                    )?, )*
                })
            }
        }
    };
}

/// Defines an enum of allowed texts for an argument: `arg_choices! { pub enum State { Present = "present", Absent = "absent" } }`.
#[macro_export]
macro_rules! arg_choices {
    ( $(#[doc = $edoc:literal])* pub enum $name:ident { $( $(#[doc = $doc:literal])* $variant:ident = $text:literal ),+ $(,)? } ) => {
        $(#[doc = $edoc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[allow(missing_docs)]
        pub enum $name { $( $(#[doc = $doc])* #[serde(rename = $text)] $variant ),+ }
        impl $crate::spec::ArgType for $name {
            const KIND: $crate::spec::ArgKind = $crate::spec::ArgKind::Str;
            const CHOICES: &'static [&'static str] = &[ $( $text ),+ ];
        }
        #[allow(dead_code)]
        impl $name {
            /// The text that an operator writes.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $( Self::$variant => $text ),+ } }
        }
    };
}

impl ModuleSpec {
    /// A description without arguments; the macro fills in the rest.
    #[must_use]
    pub const fn base(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            doc,
            fields: &[],
            constraints: &[],
            free_form: None,
            check: Support::Full,
            diff: Support::None,
            open: false,
        }
    }
}
