//! What is said when a database does not open: where it was looked for, what the other side answered, and what to do about it.

use crate::{
    app::{config::DatabaseUrl, failure::Failure},
    store::StoreError,
};

/// The port of a URL that names none.
const PORT: u16 = 5432;

pub fn failure(database: &DatabaseUrl, error: &StoreError) -> Failure {
    Failure::Refused(match database.sqlite_file() {
        Some(_) if error.is_connection() => {
            format!("{database}: {error}; is the file an SQLite database, and may this user write to it and to its directory?")
        }
        Some(_) => format!("{database}: {error}"),
        None => on_postgres(database, error),
    })
}

fn on_postgres(database: &DatabaseUrl, error: &StoreError) -> String {
    match error.sqlstate() {
        Some("3D000") => format!("{database}: {error}; make it with `createdb {}`, or name another in DATABASE_URL", name(database)),
        Some(code) if code.starts_with("28") => format!("{database}: {error}; are user and password in DATABASE_URL right?"),
        None if error.is_connection() => {
            format!("PostgreSQL at {}: {error}; does PostgreSQL run there, and are host and port in DATABASE_URL right?", place(database))
        }
        _ => format!("{database}: {error}"),
    }
}

/// Host and port, or the directory of a socket.
fn place(database: &DatabaseUrl) -> String {
    let Ok(url) = url::Url::parse(database.as_str()) else { return database.to_string() };
    let given = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let host = given("host").or_else(|| Some(url.host_str()?.to_owned()).filter(|host| !host.is_empty()));
    let port = given("port").unwrap_or_else(|| url.port().unwrap_or(PORT).to_string());
    match host {
        Some(host) if host.starts_with('/') => format!("the socket in {host}, port {port}"),
        Some(host) => format!("{host}:{port}"),
        None => format!("localhost:{port}"),
    }
}

/// The database's name.
fn name(database: &DatabaseUrl) -> String {
    let url = url::Url::parse(database.as_str()).ok();
    url.map_or_else(|| "NAME".to_owned(), |url| url.path().trim_start_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_host_and_port() {
        for (url, wanted) in [
            ("postgres://me:secret@db.example/shop", "db.example:5432"),
            ("postgres://me:secret@db.example:6000/shop?sslmode=require", "db.example:6000"),
            ("postgres:///shop?host=/run/postgresql&port=5433", "the socket in /run/postgresql, port 5433"),
            ("postgres://[::1]:1/shop", "[::1]:1"),
        ] {
            let url: DatabaseUrl = url.parse().expect("a database URL");
            assert_eq!((place(&url).as_str(), name(&url).as_str()), (wanted, "shop"));
        }
    }
}
