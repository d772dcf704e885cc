//! How roles are spelled: the only place that knows an encoding.

pub mod notary;
