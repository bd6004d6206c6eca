//! The load of the benches: many connections that keep asking, each with one request at a time, and a clock beside every answer.
//!
//! `benches/run` starts it, gives it a plan (one line of JSON on standard input) and then says `run SECONDS` as often as it likes; each
//! answer is one line of JSON. All requests of a plan are written and signed before the first `run`, so that what is measured is the
//! server. It has one thread and knows no more HTTP than our own server speaks.

use ristourne::{
    engine::clock::Clock,
    kernel::signature::{self, WebhookSecret},
};
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    error::Error,
    io::{BufRead as _, Write as _},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

type Failed = Box<dyn Error>;

/// What to send, and from how many connections.
#[derive(Deserialize)]
struct Plan {
    address: SocketAddr,
    connections: usize,
    /// Sales to write and sign: more than any run can send.
    sales: usize,
    programs: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    id: String,
    secret: String,
    /// Links to follow first, with their queries: every sale brings a click of its own.
    paths: Vec<String>,
}

/// What a run came to.
#[derive(Serialize)]
struct Report {
    requests: usize,
    seconds: f64,
    statuses: BTreeMap<u16, usize>,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    /// Requests of the plan that are left. At none the run ended early.
    left: usize,
}

fn main() -> Result<(), Failed> {
    let mut lines = std::io::stdin().lock().lines();
    let plan: Plan = serde_json::from_str(&lines.next().ok_or("a plan is wanted")??)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let clicks = local.block_on(&runtime, click_ids(&plan))?;
    let queue = Queue::new(sales(&plan, &clicks)?);
    say(&format!("{{\"ready\": {}}}", queue.left()))?;
    for line in lines {
        let line = line?;
        let seconds: f64 = line.strip_prefix("run ").ok_or("`run SECONDS` is wanted")?.parse()?;
        let report = local.block_on(&runtime, run(&plan, &queue, Duration::from_secs_f64(seconds)))?;
        say(&serde_json::to_string(&report)?)?;
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Requests that are yet to be sent, in order.
#[derive(Clone)]
struct Queue(Rc<(Vec<Vec<u8>>, Cell<usize>)>);

impl Queue {
    fn new(requests: Vec<Vec<u8>>) -> Self {
        Self(Rc::new((requests, Cell::new(0))))
    }
    fn next(&self) -> Option<(usize, &[u8])> {
        let (requests, next) = &*self.0;
        let at = next.get();
        let request = requests.get(at)?;
        next.set(at + 1);
        Some((at, request))
    }
    fn left(&self) -> usize {
        self.0.0.len() - self.0.1.get()
    }
}

/// Follows the links, one click for each sale; gives the click ids by program.
async fn click_ids(plan: &Plan) -> Result<Vec<Vec<String>>, Failed> {
    let asked = |n: usize| {
        let program = &plan.programs[n % plan.programs.len()];
        let path = &program.paths[n / plan.programs.len() % program.paths.len()];
        format!(
            "GET {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.{}\r\n\r\n",
            n % 1000,
        )
    };
    let queue = Queue::new((0..plan.sales).map(|n| asked(n).into_bytes()).collect());
    let found = Rc::new(RefCell::new(vec![Vec::new(); plan.programs.len()]));
    let note = {
        let found = Rc::clone(&found);
        move |n: usize, answer: &Answer<'_>, _: Duration| {
            let id = answer.header("location").and_then(|url| url.split("rclid=").nth(1));
            let id = id.ok_or_else(|| format!("a link answered {} without a click id", answer.status))?;
            let by_program: &mut Vec<Vec<String>> = &mut found.borrow_mut();
            let count = by_program.len();
            by_program[n % count].push(id.to_owned());
            Ok(())
        }
    };
    // Enough to fill the server's batches, whatever the plan says for the sales.
    ask(plan.address, 64, &queue, None, &Rc::new(note)).await?;
    Ok(found.take())
}

/// The sales, signed: an amount that differs, two lines in half of them, and a click of its own program each.
fn sales(plan: &Plan, clicks: &[Vec<String>]) -> Result<Vec<Vec<u8>>, Failed> {
    let now = Clock::System.now();
    let (run, stamp) = (now.micros(), now.seconds());
    let secrets = plan.programs.iter().map(|program| WebhookSecret::parse(&program.secret)).collect::<Result<Vec<_>, _>>()?;
    let mut requests = Vec::with_capacity(plan.sales);
    for n in 0..plan.sales {
        let (at, nth) = (n % plan.programs.len(), n / plan.programs.len());
        let click = clicks[at].get(nth).ok_or("a click is missing")?;
        let (cents, program) = (500 + n * 37 % 20_000, &plan.programs[at].id);
        let amount = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
        let items = if n % 2 == 0 {
            String::new()
        } else {
            format!(
                r#","items":[{{"sku":"S{}","category":"books","quantity":1,"amount":"{}"}},{{"sku":"T{}","category":"toys","quantity":2,"amount":"{}"}}]"#,
                n % 911,
                amount(cents / 3),
                n % 577,
                amount(cents - cents / 3)
            )
        };
        let body = format!(
            r#"{{"program":"{program}","type":"sale","order_id":"B-{run}-{n}","amount":"{}","currency":"EUR","click_id":"{click}"{items}}}"#,
            amount(cents)
        );
        let id = format!("msg_{run}_{n}");
        let signature = signature::sign(&secrets[at], &id, stamp, body.as_bytes());
        requests.push(
            format!(
                "POST /postback HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nwebhook-id: {id}\r\nwebhook-timestamp: {stamp}\r\n\
                 webhook-signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        );
    }
    Ok(requests)
}

/// How often each status came, and how long each answer took, in microseconds.
type Noted = (BTreeMap<u16, usize>, Vec<u64>);

/// Sends what the queue holds for so long.
async fn run(plan: &Plan, queue: &Queue, time: Duration) -> Result<Report, Failed> {
    let noted: Rc<RefCell<Noted>> = Rc::default();
    let note = {
        let noted = Rc::clone(&noted);
        move |_: usize, answer: &Answer<'_>, took: Duration| {
            let (statuses, times) = &mut *noted.borrow_mut();
            *statuses.entry(answer.status).or_default() += 1;
            times.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            Ok(())
        }
    };
    let started = Instant::now();
    ask(plan.address, plan.connections, queue, Some(started + time), &Rc::new(note)).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (statuses, mut times) = noted.take();
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    let max_us = times.last().copied().unwrap_or_default();
    Ok(Report { requests: times.len(), seconds, statuses, p50_us: at(50), p99_us: at(99), max_us, left: queue.left() })
}

/// An answer without its body.
struct Answer<'a> {
    status: u16,
    head: &'a str,
}

impl Answer<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Keeps so many connections busy until the queue is empty or the time has come; `note` hears of every answer.
async fn ask<N>(address: SocketAddr, connections: usize, queue: &Queue, until: Option<Instant>, note: &Rc<N>) -> Result<(), Failed>
where
    N: Fn(usize, &Answer<'_>, Duration) -> Result<(), String> + 'static,
{
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (queue, note) = (queue.clone(), Rc::clone(note));
        tasks.push(tokio::task::spawn_local(
            async move { connection(address, &queue, until, &*note).await.map_err(|error| error.to_string()) },
        ));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn connection(
    address: SocketAddr,
    queue: &Queue,
    until: Option<Instant>,
    note: &impl Fn(usize, &Answer<'_>, Duration) -> Result<(), String>,
) -> Result<(), Failed> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while until.is_none_or(|until| Instant::now() < until) {
        let Some((n, request)) = queue.next() else { break };
        let asked = Instant::now();
        stream.write_all(request).await?;
        buffer.clear();
        let (head, whole) = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err("the server hung up".into());
            }
            if let Some(lengths) = lengths(&buffer)? {
                break lengths;
            }
        };
        while buffer.len() < whole {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err("the server hung up within an answer".into());
            }
        }
        let head = str::from_utf8(&buffer[..head])?;
        let status = head.get(9..12).ok_or("no status")?.parse()?;
        note(n, &Answer { status, head }, asked.elapsed())?;
    }
    Ok(())
}

/// How long the head is and how long all of it, once the head is whole.
fn lengths(buffer: &[u8]) -> Result<Option<(usize, usize)>, Failed> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let answer = Answer { status: 0, head: str::from_utf8(&buffer[..head])? };
    let body: usize = answer.header("content-length").map_or(Ok(0), str::parse)?;
    Ok(Some((head, head + 4 + body)))
}
