//! How a command fails: what is said on stderr, and with which exit code.

use std::{error::Error, fmt, process::ExitCode};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// Exit 2: the command line or an environment variable is wrong.
    Usage(String),
    /// Exit 1: refused or failed, in words.
    Refused(String),
    /// Exit 1: something below failed.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Refused(_) | Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Refused(text) => f.write_str(text),
            Self::Failed(error) => {
                write!(f, "{error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    // Many errors repeat their cause in their own text.
                    if !f.alternate() && !error.to_string().contains(&cause.to_string()) {
                        write!(f, ": {cause}")?;
                    }
                    source = cause.source();
                }
                Ok(())
            }
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}
