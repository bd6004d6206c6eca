//! Start and stop: the engine, what runs on a clock, and the edge in front. Used by `serve` and `demo`.

use crate::{
    app::{
        config::{DatabaseUrl, ListenArgs},
        failure::Failure,
        opening,
    },
    engine::{
        engine::{self, Engine, StartError, Stop},
        process,
    },
    jobs::{self, Jobs},
    kernel::time::Time,
    web::{edge, router},
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

/// File descriptors that are no client's: the database's, the spool's, those of look-ups.
const FILES_BESIDE: u64 = 100;

/// A running server.
#[derive(Debug)]
pub struct Server {
    pub engine: Arc<Engine>,
    /// Where it listens; with port 0 in the settings, the port that it got.
    pub address: SocketAddr,
    stop: Stop,
    jobs: Jobs,
    edge: edge::Running,
    close: oneshot::Sender<()>,
}

impl Server {
    /// Migrates, drains the spool, fills the catalogue, then listens: a `GET /healthz` that is answered says that all of this is done.
    /// `jobs_from`: when the work of the clock begins; none is at once.
    pub async fn start(
        options: engine::Options,
        listen: &ListenArgs,
        metrics: PrometheusHandle,
        jobs_from: Option<Time>,
    ) -> Result<Self, Failure> {
        let database = options.database.parse::<DatabaseUrl>();
        let (engine, stop) = Engine::start(options).await.map_err(|error| match (error, database) {
            (StartError::Store(error), Ok(database)) => opening::failure(&database, &error),
            (error, _) => error.into(),
        })?;
        let (close, closed) = oneshot::channel::<()>();
        let settings = listen.settings();
        if let Some(open_max) = process::open_files_max().filter(|most| *most < u64::from(listen.connections_max) + FILES_BESIDE) {
            tracing::warn!(open_max, connections = listen.connections_max, "fewer files may be open than connections: raise `ulimit -n`");
        }
        let (fast, router) = router::build(&engine, listen.limits.options(), metrics);
        // An error says that the sender is gone, which means the same.
        let stopped = async { closed.await.unwrap_or_default() };
        let edge = match edge::start(settings, fast, router, Handle::current(), stopped).await {
            Ok(edge) => edge,
            Err(error) => {
                stop.stop(engine).await;
                let taken = error.kind() == std::io::ErrorKind::AddrInUse;
                let advice = if taken { "; another server may be running there, --listen takes another address" } else { "" };
                return Err(Failure::Refused(format!("{}: {error}{advice}", listen.listen)));
            }
        };
        engine.set_base_url(format!("http://{}", edge.address));
        let jobs = jobs::start(&engine, jobs_from);
        Ok(Self { address: edge.address, engine, stop, jobs, edge, close })
    }

    /// Until a signal asks to end, or another process has taken over our node number: then this one failed, and must end too.
    pub async fn run_until(&self, signals: &mut Signals) -> Result<(), Failure> {
        tokio::select! {
            () = signals.wait() => Ok(()),
            () = self.stop.lost() => Err(Failure::Refused("another process has this node number".to_owned())),
        }
    }

    /// Takes no more connections, answers what is in flight, ends what runs on a clock, and writes what is queued.
    pub async fn stop(self) {
        drop(self.close);
        self.edge.ended().await;
        self.jobs.stop().await;
        self.stop.stop(self.engine).await;
    }
}

/// SIGTERM and SIGINT, listened for from when this is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Until one of them comes.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
