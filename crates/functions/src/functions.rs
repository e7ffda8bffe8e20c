//! All functions, each with its pool.

use crate::{
    log::{Log, LogPage},
    model::{Function, Invocation, InvokeError, Outcome, PAYLOAD_BYTES_MAX, Settings},
    pool::Pool,
    python::Pythons,
    runtime,
    spawn::Spawner,
    status::FunctionStatus,
};
use std::{
    collections::BTreeMap,
    fs, io,
    sync::{Arc, Mutex, Weak, atomic::AtomicU32},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

/// A process that nobody needs is kept for so long.
const IDLE_KEPT: Duration = Duration::from_secs(600);
const IDLE_CHECKED: Duration = Duration::from_secs(30);
/// How long calls under way may take once we stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Functions and their processes. Clones share them.
#[derive(Clone)]
pub struct Functions(Arc<Shared>);

/// What all pools share.
pub(crate) struct Shared {
    pub settings: Settings,
    pub spawner: Spawner,
    pub pythons: Pythons,
    /// One for each process that there may be.
    pub places: Arc<Semaphore>,
    /// Calls that wait for a place: a process that becomes idle meanwhile makes room.
    pub starving: AtomicU32,
    pools: Mutex<BTreeMap<String, Arc<Pool>>>,
    /// Calls under way.
    calling: watch::Sender<u32>,
}

impl Functions {
    /// Starts no process yet; ends those that an earlier life left. Call it inside a runtime.
    ///
    /// # Errors
    /// When `settings.dir` cannot be written.
    pub fn start(mut settings: Settings) -> io::Result<Functions> {
        fs::create_dir_all(&settings.dir)?;
        // Processes run in their code's folder: from there a relative path leads elsewhere.
        settings.dir = settings.dir.canonicalize()?;
        runtime::write_shim(&settings.dir)?;
        let shared = Arc::new(Shared {
            spawner: Spawner::start(&settings.dir)?,
            pythons: Pythons::default(),
            places: Arc::new(Semaphore::new(settings.processes_max)),
            starving: AtomicU32::new(0),
            pools: Mutex::default(),
            calling: watch::Sender::new(0),
            settings,
        });
        tokio::spawn(end_idle(Arc::downgrade(&shared)));
        Ok(Functions(shared))
    }

    /// Runs a function, or the function as it is now. One that is equal to the last changes nothing.
    pub fn put(&self, function: Function) {
        if let Some(pool) = self.0.pool(&function.name) {
            return pool.put(function);
        }
        let (name, settings) = (function.name.clone(), &self.0.settings);
        match Log::open(settings.dir.join("logs").join(&name), settings.log_bytes_max) {
            Ok(log) => {
                let pool = Pool::new(self.0.clone(), function, Arc::new(log));
                self.0.pools().insert(name, Arc::new(pool));
            }
            Err(error) => tracing::error!("function {name} is not run: its log cannot be opened: {error}"),
        }
    }

    /// Runs it no more. Calls under way end as they would.
    pub fn remove(&self, name: &str) {
        let gone = self.0.pools().remove(name);
        if let Some(pool) = gone {
            pool.restart();
        }
    }

    /// Its code changed in place: calls under way finish, then new processes run it.
    pub fn restart(&self, name: &str) {
        if let Some(pool) = self.0.pool(name) {
            pool.restart();
        }
    }

    /// Calls a function and waits for its answer. The call goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// Why it was not called. A call that failed is an outcome with an error.
    pub async fn invoke(&self, name: &str, invocation: Invocation) -> Result<Outcome, InvokeError> {
        if invocation.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(InvokeError::PayloadTooLarge);
        }
        let pool = self.0.pool(name).ok_or(InvokeError::NotFound)?;
        let calling = Calling::begin(&self.0);
        let call = tokio::spawn(async move {
            let _calling = calling;
            pool.invoke(invocation).await
        });
        call.await.unwrap_or(Err(InvokeError::Closed))
    }

    /// All functions' figures, by name.
    #[must_use]
    pub fn status(&self) -> Vec<FunctionStatus> {
        let pools: Vec<Arc<Pool>> = self.0.pools().values().cloned().collect();
        pools.iter().map(|pool| pool.status()).collect()
    }

    /// Lines of a function's log after a position, about `bytes_max` bytes; without a position the newest. Reads the
    /// disk.
    ///
    /// # Errors
    /// When it cannot be read. A function that is not there has no lines.
    pub fn logs(&self, name: &str, after: Option<u64>, bytes_max: usize) -> io::Result<LogPage> {
        self.0.pool(name).map_or_else(|| Ok(LogPage::default()), |pool| pool.log.page(after, bytes_max))
    }

    /// Ready once a function's log has lines after a position.
    pub async fn logs_past(&self, name: &str, position: u64) {
        match self.0.pool(name) {
            Some(pool) => pool.log.past(position).await,
            None => std::future::pending().await,
        }
    }

    /// Takes no more calls, waits a while for those under way, and ends all processes.
    pub async fn shutdown(&self) {
        let pools = std::mem::take(&mut *self.0.pools());
        // Those that take longer end with their processes.
        let _ = tokio::time::timeout(STOP_PATIENCE, self.0.calling.subscribe().wait_for(|calls| *calls == 0)).await;
        self.0.places.close();
        pools.values().for_each(|pool| pool.restart());
    }
}

/// A call under way.
struct Calling(Arc<Shared>);

impl Calling {
    fn begin(shared: &Arc<Shared>) -> Calling {
        shared.calling.send_modify(|calls| *calls += 1);
        Calling(shared.clone())
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.calling.send_modify(|calls| *calls -= 1);
    }
}

impl Shared {
    fn pools(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Pool>>> {
        self.pools.lock().expect("no holder panics")
    }

    fn pool(&self, name: &str) -> Option<Arc<Pool>> {
        self.pools().get(name).cloned()
    }

    /// Ends the process of all that has been idle longest.
    pub fn make_room(&self) {
        let pools: Vec<Arc<Pool>> = self.pools().values().cloned().collect();
        let idle = pools.iter().filter_map(|pool| Some((pool.idle_since()?, pool)));
        if let Some((_, pool)) = idle.min_by_key(|(since, _)| *since) {
            pool.end_one();
        }
    }

    pub fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        bytes
    }

    /// A random UUID, as AWS names requests.
    pub fn uuid(&self) -> String {
        let mut bytes = self.random();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

async fn end_idle(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(IDLE_CHECKED).await;
        let Some(shared) = shared.upgrade() else { return };
        let Some(since) = Instant::now().checked_sub(IDLE_KEPT) else { continue };
        let pools: Vec<Arc<Pool>> = shared.pools().values().cloned().collect();
        pools.iter().for_each(|pool| pool.end_idle(since));
    }
}
