//! The edge over real sockets: hostile requests, panics, time-outs, and an end that drains.

use super::*;
use axum::routing::get;
use std::{fmt::Write as _, time::Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// More than sockets hold that nobody reads.
const LONG: usize = 16 * 1024 * 1024;

struct Doors;

impl Fast for Doors {
    fn owns(&self, path: &str) -> bool {
        path.starts_with("/c/") || path == "/postback"
    }
    async fn answer(&self, request: Request<EdgeBody>, client: Address) -> Response {
        match request.uri().path() {
            "/c/panic" => panic!("as ordered"),
            "/c/slow" => {
                sleep(Duration::from_millis(300)).await;
                Body::from("slow").into_response_at(StatusCode::OK)
            }
            "/postback" => match request.into_body().whole(1000).await {
                Ok(body) => Body::from(body).into_response_at(StatusCode::OK),
                Err(problem) => problem.into_response(),
            },
            _ => Body::from(client.to_string()).into_response_at(StatusCode::OK),
        }
    }
}

trait At {
    fn into_response_at(self, status: StatusCode) -> Response;
}
impl At for Body {
    fn into_response_at(self, status: StatusCode) -> Response {
        let mut answer = Response::new(self);
        *answer.status_mut() = status;
        answer
    }
}

async fn breaks() -> &'static str {
    panic!("as ordered")
}

async fn edge(stop: oneshot::Receiver<()>) -> Running {
    let router = Router::new()
        .route(
            "/api",
            get(|request: axum::extract::Request| async move { format!("{}", request.extensions().get::<Client>().expect("set").0) }),
        )
        .route("/panic", get(breaks))
        .route("/long", get(|| async { "x".repeat(LONG) }))
        .route("/body", axum::routing::post(|body: Bytes| async move { body.len().to_string() }));
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        trusted: Trusted::parse("127.0.0.0/8").expect("a range"),
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        connections_max: 8,
        drain_timeout: Duration::from_secs(10),
    };
    let stop = async move {
        assert!(stop.await.is_ok(), "the test says when to stop");
    };
    start(settings, Doors, router, Handle::current(), stop).await.expect("listening")
}

/// Sends bytes and reads until the other side closes.
async fn exchange(running: &Running, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(running.address).await.expect("a connection");
    let mut answer = Vec::new();
    // The answer to a request that is refused early may come, and the socket close, while we still write.
    if stream.write_all(request).await.is_ok() {
        timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("closed in time").unwrap_or_default();
    } else {
        stream.read_to_end(&mut answer).await.unwrap_or_default();
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn get_close(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fast_paths_stay_and_the_others_go_to_the_router() {
    let (stop, stopped) = oneshot::channel();
    let running = edge(stopped).await;
    let forwarded = "x-forwarded-for: 6.6.6.6, 192.0.2.7\r\n";
    for (target, headers, start, end) in [
        ("/c/x", forwarded, "HTTP/1.1 200", "192.0.2.7"),
        ("/api", forwarded, "HTTP/1.1 200", "192.0.2.7"),
        ("/c/x", "", "HTTP/1.1 200", "127.0.0.1"),
        ("/nothing", "", "HTTP/1.1 404", ""),
        ("/c/panic", "", "HTTP/1.1 500", "our side.\"}"),
        ("/panic", "", "HTTP/1.1 500", "our side.\"}"),
        ("http://x/c/x", "", "HTTP/1.1 200", "127.0.0.1"),
    ] {
        let answer = exchange(&running, &get_close(target, headers)).await;
        assert!(answer.starts_with(start) && answer.ends_with(end), "{target}: {answer}");
    }
    let head = exchange(&running, b"HEAD /c/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    stop.send(()).expect("the edge listens");
    running.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_too_long_or_too_slow_is_refused() {
    let (stop, stopped) = oneshot::channel();
    let running = edge(stopped).await;
    let many = (0..200).fold(String::new(), |mut headers, n| {
        write!(headers, "x-{n}: y\r\n").expect("a String");
        headers
    });
    let post = |target: &str, length: usize, body: &str| {
        format!("POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    };
    for (request, start) in [
        (get_close(&format!("/c/{}", "x".repeat(40_000)), ""), "HTTP/1.1 414"),
        (get_close(&format!("/c/{}", "x".repeat(70_000)), ""), "HTTP/1.1 414"),
        (get_close("/c/x", &format!("cookie: {}\r\n", "x".repeat(100_000))), "HTTP/1.1 431"),
        (get_close("/c/x", &many), "HTTP/1.1 431"),
        (post("/postback", 5, "hello"), "HTTP/1.1 200"),
        (post("/postback", 2000, &"x".repeat(2000)), "HTTP/1.1 413"),
        (post("/postback", 5, "hel"), "HTTP/1.1 408"),
        (
            b"POST /postback HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n7d1\r\n"
                .iter()
                .copied()
                .chain(std::iter::repeat_n(b'x', 2001))
                .chain(*b"\r\n0\r\n\r\n")
                .collect(),
            "HTTP/1.1 413",
        ),
        (post("/body", 5, "hel"), "HTTP/1.1 400"),
        (b"GET /c/x\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        (b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), "HTTP/1.1 400"),
        (b"GET /c/x HTTP/1.1\r\nho".to_vec(), ""),
    ] {
        let answer = exchange(&running, &request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]);
        assert!(answer.starts_with(start) && answer.is_empty() == start.is_empty(), "{shown}: {answer}");
    }
    stop.send(()).expect("the edge listens");
    running.ended().await;
}

/// Asks for what is long, several times, through a socket that takes little at once.
async fn ask_for_much(running: &Running) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(running.address).await.expect("a connection");
    let request = "GET /long HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).await.expect("sent");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_stops_reading_gives_the_place_up() {
    let (stop, stopped) = oneshot::channel();
    let running = edge(stopped).await;
    let mut stopped_readers = Vec::new();
    for _ in 0..8 {
        let mut stream = ask_for_much(&running).await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.expect("the answer begins");
        assert_eq!(&start, b"HTTP/1.1 200");
        stopped_readers.push(stream);
    }
    let answer = exchange(&running, &get_close("/c/x", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "every place was taken, and one came free: {answer}");
    drop(stopped_readers);
    stop.send(()).expect("the edge listens");
    running.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn idle_connections_give_their_place_up_and_the_end_drains() {
    let (stop, stopped) = oneshot::channel();
    let running = edge(stopped).await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(TcpStream::connect(running.address).await.expect("a connection"));
    }
    let begun = Instant::now();
    let answer = exchange(&running, &get_close("/c/x", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(begun.elapsed() >= Duration::from_millis(100), "all places were taken until the idle ones timed out");

    let address = running.address;
    let slow = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET /c/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer, then the end");
        answer
    });
    sleep(Duration::from_millis(100)).await;
    stop.send(()).expect("the edge listens");
    running.ended().await;
    assert!(slow.await.expect("no panic").ends_with("slow"), "what was in flight is answered");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
