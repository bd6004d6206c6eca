//! The real server in a process of its own, and a client that speaks its public interface.
use super::{TempDir, document};
use reqwest::{Client, Method, Response, StatusCode, header};
use ristourne::{
    engine::clock::Clock,
    kernel::signature::{self, WebhookSecret},
};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ristourne");

/// Runs a command of the program to its end.
pub fn ristourne(database: &str, command: &[&str]) -> Output {
    Command::new(PROGRAM).args(command).env("DATABASE_URL", database).env("RISTOURNE_LOG", "warn").output().expect("the program runs")
}

/// As `ristourne`, where it must succeed; gives what it printed.
pub fn ristourne_ok(database: &str, command: &[&str]) -> String {
    let output = ristourne(database, command);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}:\n{out}\n{err}", output.status);
    out.into_owned()
}

/// A running `ristourne serve`. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    pub database: String,
    pub base: String,
    child: Child,
    spool: Arc<TempDir>,
}

impl Server {
    /// Starts on a free port and returns when it listens.
    pub fn start(database: &str) -> Self {
        Self::start_with(database, &[])
    }

    /// The same with options of `serve`.
    pub fn start_with(database: &str, options: &[&str]) -> Self {
        Self::start_in(database, options, Arc::new(TempDir::new("spool")))
    }

    /// On what a backup brought back.
    pub fn start_on(database: &str, spool: &Path) -> Self {
        Self::start_in(database, &[], Arc::new(TempDir::take(spool)))
    }

    /// The same, with its log in a file.
    pub fn start_logging(database: &str, options: &[&str], log: &Path) -> Self {
        let log = File::create(log).expect("a file for the log");
        Self::spawn(Self::command(database, options).stderr(log), database, Arc::new(TempDir::new("spool")))
    }

    fn start_in(database: &str, options: &[&str], spool: Arc<TempDir>) -> Self {
        Self::spawn(&mut Self::command(database, options), database, spool)
    }

    fn command(database: &str, options: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(options).env("DATABASE_URL", database);
        command.env("RISTOURNE_LOG", std::env::var_os("RISTOURNE_LOG").unwrap_or_else(|| "warn".into()));
        command
    }

    fn spawn(command: &mut Command, database: &str, spool: Arc<TempDir>) -> Self {
        command.arg("--spool-dir").arg(spool.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the server speaks");
        let Some(base) = line.trim_end().strip_prefix("listening on ") else {
            child.kill().expect("the server can be killed");
            panic!("the server did not start: {line:?}, {}", child.wait().expect("it has ended"));
        };
        Self { database: database.to_owned(), base: base.to_owned(), child, spool }
    }

    /// An operator, with a key of their own.
    pub fn operator(&self) -> Operator {
        let line = ristourne_ok(&self.database, &["key", "create", "--role", "operator", "--name", "test"]);
        let created: Value = serde_json::from_str(&line).expect("one JSON line");
        Operator { base: self.base.clone(), key: created["key"].as_str().expect("a key").to_owned(), http: client() }
    }

    /// Somebody with a key of this role and owner.
    pub fn sign_in(&self, role: &str, owner: &str) -> Operator {
        let line = ristourne_ok(&self.database, &["key", "create", "--role", role, "--owner", owner]);
        let created: Value = serde_json::from_str(&line).expect("one JSON line");
        Operator { base: self.base.clone(), key: text(&created["key"]), http: client() }
    }

    /// Where its clicks wait.
    pub fn spool(&self) -> &Path {
        self.spool.path()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, then a new process on the same database and spool.
    pub fn crash_and_restart(mut self) -> Self {
        self.kill();
        Self::start_in(&self.database, &[], Arc::clone(&self.spool))
    }

    /// Ends at once, as a power cut would, if the disk kept what was written.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// SIGTERM, and waits for the orderly end.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let status = self.child.wait().expect("the server ends");
        assert!(status.success(), "the server ended with {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

/// A client that follows no redirects.
pub fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(30)).build().expect("a client")
}

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    Clock::System.now().seconds()
}

/// An answer that was read: its status and its JSON, null if it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    /// Reads the answer to a request with this method, which must be one that the OpenAPI document declares.
    pub async fn read(method: Method, response: Response) -> Self {
        let (status, path) = (response.status(), response.url().path().to_owned());
        let media = response.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().expect("ASCII").to_owned());
        let text = response.text().await.expect("the body comes");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        document::check(&method, &path, status, &media.unwrap_or_default(), &body);
        Self { status, body }
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

/// Somebody with a key: an operator's, unless it was made by [`Server::sign_in`].
#[derive(Debug, Clone)]
pub struct Operator {
    pub base: String,
    pub key: String,
    pub http: Client,
}

impl Operator {
    /// The same person at another server.
    pub fn at(&self, server: &Server) -> Self {
        Self { base: server.base.clone(), ..self.clone() }
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method.clone(), format!("{}/api/v1{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::read(method, request.send().await.expect("the server answers")).await
    }

    /// A POST of a table.
    pub async fn upload(&self, path: &str, csv: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.post(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.key);
        let request = request.header(header::CONTENT_TYPE, "text/csv").body(csv.into());
        Answer::read(Method::POST, request.send().await.expect("the server answers")).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await.expect(200)
    }

    /// A POST that creates: 201.
    pub async fn create(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, Some(&body)).await.expect(201)
    }

    /// Any other POST: 200.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, Some(&body)).await.expect(200)
    }

    /// A merchant with a secret.
    pub async fn merchant(&self, name: &str) -> Merchant {
        let id = text(&self.create("/merchants", json!({"name": name})).await["id"]);
        let secret = text(&self.create(&format!("/merchants/{id}/secrets"), json!({})).await["secret"]);
        let secret = WebhookSecret::parse(&secret).expect("a secret");
        Merchant { id, secret, base: self.base.clone(), http: self.http.clone() }
    }

    /// A program of the merchant, whose shop is `https://shop.example`.
    pub async fn program(&self, merchant: &Merchant, currency: &str, terms: Value) -> String {
        let body = json!({"merchant": merchant.id, "name": "Program", "currency": currency, "landing_url": "https://shop.example/",
            "domains": ["shop.example"], "terms": terms});
        text(&self.create("/programs", body).await["id"])
    }

    pub async fn publisher(&self, name: &str) -> String {
        text(&self.create("/publishers", json!({"name": name})).await["id"])
    }

    /// A link; gives its slug.
    pub async fn link(&self, program: &str, publisher: &str) -> String {
        text(&self.create("/links", json!({"program": program, "publisher": publisher})).await["slug"])
    }

    /// A buyer: id and ref.
    pub async fn buyer(&self) -> (String, String) {
        let buyer = self.create("/buyers", json!({})).await;
        (text(&buyer["id"]), text(&buyer["ref"]))
    }

    /// The amount of an account, `"0.00"` style; none if nothing was ever posted to it.
    pub async fn balance(&self, owner: &str, account: &str) -> Option<String> {
        let balances = self.get(&format!("/balances?owner={owner}")).await;
        let rows = balances["data"].as_array().expect("a list").iter();
        rows.filter(|row| row["account"] == account).map(|row| text(&row["amount"]["amount"])).next()
    }
}

/// A merchant's shop: it signs what it sends.
#[derive(Debug, Clone)]
pub struct Merchant {
    pub id: String,
    pub secret: WebhookSecret,
    pub base: String,
    pub http: Client,
}

impl Merchant {
    /// The same shop, talking to another server.
    pub fn at(&self, server: &Server) -> Self {
        Self { base: server.base.clone(), ..self.clone() }
    }

    /// A signed postback with a `webhook-id` of its own.
    pub async fn postback(&self, body: &Value) -> Answer {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = format!("msg_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.postback_as(&id, body).await
    }

    /// The same under this `webhook-id`.
    pub async fn postback_as(&self, id: &str, body: &Value) -> Answer {
        let (body, now) = (body.to_string(), unix_now());
        let signature = signature::sign(&self.secret, id, now, body.as_bytes());
        let request = self.http.post(format!("{}/postback", self.base)).header(header::CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", now).header("webhook-signature", signature);
        Answer::read(Method::POST, request.body(body).send().await.expect("the server answers")).await
    }
}

/// A visitor with a browser follows a link; gives where it leads.
pub async fn follow(http: &Client, base: &str, path: &str) -> String {
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let answer = http.get(format!("{base}{path}")).header(header::USER_AGENT, browser).send().await.expect("the server answers");
    assert_eq!(answer.status(), StatusCode::FOUND, "{path}");
    answer.headers()[header::LOCATION].to_str().expect("visible ASCII").to_owned()
}

/// The same; gives the sealed click id that the shop receives.
pub async fn click(http: &Client, base: &str, slug: &str) -> String {
    click_id(&follow(http, base, &format!("/c/{slug}")).await)
}

/// The `rclid` of a URL.
pub fn click_id(location: &str) -> String {
    let url = url::Url::parse(location).expect("an absolute URL");
    url.query_pairs().find(|(name, _)| name == "rclid").unwrap_or_else(|| panic!("{location} has no click id")).1.into_owned()
}

/// A JSON string's text.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
