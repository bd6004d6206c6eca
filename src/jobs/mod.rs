//! Floor 4: what runs on a clock. Each file is one job.
