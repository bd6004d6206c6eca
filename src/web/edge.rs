//! The edge: hyper's own accept loop on a thread and runtime of its own, so that a redirect never waits behind anything else. What [`Fast`]
//! owns is answered here; every other path goes to the router on the multi-thread runtime.
//!
//! HTTP/1.1 only: TLS and HTTP/2 belong to the proxy in front.

mod stall;

use self::stall::Stall;
use crate::{
    kernel::address::{Address, Trusted},
    web::{actor::Client, headers, limits::Patience, problem::Problem},
};
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body as _, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::{Builder, Handle},
    sync::{Semaphore, oneshot},
    time::{Sleep, sleep, timeout},
};
use tower::ServiceExt as _;

/// Longest path and query, in bytes. A `url=` of 2,048 characters and five sub-ids fit, percent-encoded, and one that is too long may come
/// along: it is dropped, not refused.
const URI_BYTES_MAX: usize = 32 * 1024;
/// Longest request head: hyper answers 431 above. More than twice the URI, so that a URI that is too long meets its own 414.
const HEAD_BYTES_MAX: usize = 96 * 1024;
const BUFFER_BYTES_MAX: usize = 128 * 1024;
/// What the kernel holds of answers that are not read yet, per connection. It asks for more when a third is free, so this is also how little
/// a slow reader may take within the time to write; left to itself Linux goes up to megabytes.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;
/// Connections that the kernel keeps for us while the loop is busy; Linux cuts it to `somaxconn`.
const BACKLOG: u32 = 4096;
/// Out of file descriptors, or the like: try again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the edge answers itself. Its futures run on the edge's only thread: they wait for channels, never for work.
pub trait Fast: Send + Sync + 'static {
    /// Whether this path is answered here.
    fn owns(&self, path: &str) -> bool;
    /// Runs once on the edge's thread before it listens: what would make the first visitor wait.
    fn prepare(&self) {}
    /// Must not fail: every outcome is an answer.
    fn answer(&self, request: Request<EdgeBody>, client: Address) -> impl Future<Output = Response> + Send;
}

/// Where and within which bounds the edge listens.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted: Trusted,
    /// Open connections; more wait in the backlog.
    pub connections_max: usize,
    /// A head must have come, and an idle connection have spoken, within this.
    pub head_timeout: Duration,
    /// A body must have come within this.
    pub body_timeout: Duration,
    /// Who reads nothing of an answer for this long is cut off.
    pub write_timeout: Duration,
    /// What is in flight at the end may take this long.
    pub drain_timeout: Duration,
}

/// A listening edge.
#[derive(Debug)]
pub struct Running {
    /// Where it listens; with port 0 in the settings, the port that it got.
    pub address: SocketAddr,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Waits until the edge has stopped and what was in flight is answered, or has had its time.
    pub async fn ended(self) {
        // An error says that the thread is gone, which is what is waited for.
        if self.ended.await.is_err() {
            tracing::error!("the edge's thread ended without a word");
        }
    }
}

/// Binds and starts to listen; returns when connections are accepted. When `stop` resolves, no more are, and the rest is drained.
pub async fn start<F: Fast>(
    settings: Settings,
    fast: F,
    router: Router,
    runtime: Handle,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Running> {
    let (bound, address) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name("edge".to_owned()).spawn(move || {
        let own = match Builder::new_current_thread().enable_all().build() {
            Ok(own) => own,
            Err(error) => return tell(bound, Err(error)),
        };
        own.block_on(async {
            // Bound first: a port that is taken is said at once. Who connects meanwhile waits in the backlog.
            let (listener, address) = match listen(settings.listen) {
                Ok(listening) => listening,
                Err(error) => return tell(bound, Err(error)),
            };
            fast.prepare();
            tell(bound, Ok(address));
            let limits = (settings.connections_max, settings.drain_timeout);
            accept(listener, limits, Arc::new(Shared { settings, fast, router, runtime }), stop).await;
        });
        tell(end, ());
    })?;
    let address = address.await.map_err(|_| io::Error::other("the edge's thread ended before it listened"))??;
    Ok(Running { address, ended })
}

/// Whoever asked may have gone; then nobody needs the answer.
fn tell<T>(channel: oneshot::Sender<T>, word: T) {
    if channel.send(word).is_err() {
        tracing::debug!("nobody waits for the edge any more");
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // What it accepts inherits this.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

struct Shared<F> {
    settings: Settings,
    fast: F,
    router: Router,
    runtime: Handle,
}

async fn accept<F: Fast>(
    listener: TcpListener,
    (connections_max, drain_timeout): (usize, Duration),
    shared: Arc<Shared<F>>,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(shared.settings.head_timeout);
    http.max_buf_size(BUFFER_BYTES_MAX).max_header_size(HEAD_BYTES_MAX);
    let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(connections_max)));
    metrics::gauge!("ristourne_connections_max").set(u32::try_from(connections_max).unwrap_or(u32::MAX));
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        metrics::gauge!("ristourne_connections").increment(1);
        let connection = serve(&http, stream, peer, Arc::clone(&shared));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // Resets, time-outs and broken requests are everyday; hyper has answered what can be answered.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            metrics::gauge!("ristourne_connections").decrement(1);
            drop(permit);
        });
    }
    drop(listener);
    if timeout(drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain_timeout.as_secs(), "connections were cut after the time to drain them");
    }
}

fn serve<F: Fast>(
    http: &http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared<F>>,
) -> http1::Connection<
    TokioIo<Stall<TcpStream>>,
    impl hyper::service::HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> + use<F>,
> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let stream = Stall::new(stream, shared.settings.write_timeout);
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(guarded(shared.answer(request, peer)).await) }
    });
    http.serve_connection(TokioIo::new(stream), service)
}

impl<F: Fast> Shared<F> {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > URI_BYTES_MAX) {
            return Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", "The address is too long.").into_response();
        }
        let forwarded = request.headers().get_all(headers::FORWARDED_FOR);
        let client = self.settings.trusted.client(peer.ip(), forwarded.iter().map(|line| line.to_str().unwrap_or_default()));
        let time = self.settings.body_timeout;
        let mut request = request.map(|body| EdgeBody::new(body, time));
        if self.fast.owns(request.uri().path()) {
            return self.fast.answer(request, client).await;
        }
        let patience = request.body().patience.clone();
        request.extensions_mut().insert(patience);
        request.extensions_mut().insert(Client(client));
        // A task of its own: whoever hangs up half way does not undo what the router has begun.
        match self.runtime.spawn(self.router.clone().oneshot(request.map(Body::new))).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(never)) => match never {},
            Err(error) => {
                tracing::error!(%error, "a request handler did not finish");
                Problem::internal().into_response()
            }
        }
    }
}

/// Turns a panic into a 500, so that neither the loop nor the other requests of a connection suffer.
async fn guarded(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    let outcome = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    match outcome.await {
        Ok(answer) => answer,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(panic = said.unwrap_or("without a text"), "a request handler panicked");
            let mut answer = Problem::internal().into_response();
            answer.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
            answer
        }
    }
}

/// A request's body with a time by which it must be whole, or its next piece be there.
#[derive(Debug)]
pub struct EdgeBody {
    incoming: Incoming,
    time: Duration,
    patience: Patience,
    /// Started by the first read, on the runtime that reads.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Why a body did not come.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body did not come in time")]
    Late,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl EdgeBody {
    fn new(incoming: Incoming, time: Duration) -> Self {
        Self { incoming, time, patience: Patience::default(), deadline: None }
    }

    /// The whole body of at most `bytes_max`: 413 above it, 408 if it does not come in time.
    pub async fn whole(self, bytes_max: usize) -> Result<Bytes, Problem> {
        if self.incoming.size_hint().lower() > bytes_max as u64 {
            return Err(Problem::too_large());
        }
        match http_body_util::Limited::new(self, bytes_max).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::too_large()),
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_incomplete", "The body did not come whole and in time.")),
        }
    }
}

impl hyper::body::Body for EdgeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) {
            if this.patience.is_for_pieces() {
                this.deadline = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        let time = this.time;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(time)));
        deadline.as_mut().poll(context).map(|()| Some(Err(BodyError::Late)))
    }
    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;
