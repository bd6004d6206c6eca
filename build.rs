//! A new migration must reach the binary: `sqlx::migrate!` embeds the files but does not notice an added one.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
