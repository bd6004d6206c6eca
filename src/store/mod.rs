//! See the floor plan in lib.rs.
