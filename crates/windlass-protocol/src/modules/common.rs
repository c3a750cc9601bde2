//! Arguments that several modules share.

use serde_json::Value;

arg_group! {
    /// Mode, owner and the like, of every module that makes a path.
    pub struct FileCommon {
        /// Permission bits: an octal number or text such as `0644`, or symbolic as `u=rw,g=r`; `preserve` where a module copies.
        mode: Option<Value>,
        /// Name or id of the owner.
        owner: Option<String>,
        /// Name or id of the group.
        group: Option<String>,
        /// User part of the SELinux context.
        seuser: Option<String>,
        /// Role part of the SELinux context.
        serole: Option<String>,
        /// Type part of the SELinux context.
        setype: Option<String>,
        /// Level part of the SELinux context.
        selevel: Option<String>,
        /// Attributes as chattr takes them, such as `+i`.
        attributes: Option<String> => aliases(&["attr"]),
        /// Write in place where an atomic replacement is refused.
        unsafe_writes: Option<bool> => default("false"),
    }
}
