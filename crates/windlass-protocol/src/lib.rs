//! Frames and module types.
