//! To be laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    Ok,
    Duplicate,
    Prefetch,
    Suspect,
    Bot,
    Embedded,
}
