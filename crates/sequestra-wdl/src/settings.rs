//! The engine's configuration: ours alone. Nothing is read from files, environment or home.

use std::thread::available_parallelism;

use wdl_engine::Config;
use wdl_engine::config::{
    BackendConfig, CallCachingMode, FailureMode, LocalBackendConfig, RetryConfig, TaskResourceLimitBehavior,
};

use crate::args::RunArgs;
use crate::error::Error;

/// Name of the only backend.
const BACKEND: &str = "job";

/// A configuration with the local backend, no retries, no cache and no path outside `--work`.
///
/// Tasks that reserve more than the job was granted run with what there is: the job's own limits
/// are what holds, and a laptop may run a workflow written for a server.
pub fn engine(args: &RunArgs) -> Result<Config, Error> {
    let here = available_parallelism().map_or(1, |n| n.get() as u64);
    let local = LocalBackendConfig {
        cpu: Some(args.cpu.unwrap_or(here).min(here)),
        memory: args.memory.map(|bytes| format!("{bytes} B")),
    };
    let mut config = Config::local();
    config.backend = BACKEND.to_owned();
    config.backends = [(BACKEND.to_owned(), BackendConfig::Local { config: local })].into();
    config.failure_mode = FailureMode::Fast;
    config.task.retries = RetryConfig::Disabled;
    config.task.cache = CallCachingMode::Off;
    config.task.cpu_limit_behavior = TaskResourceLimitBehavior::TryWithMax;
    config.task.memory_limit_behavior = TaskResourceLimitBehavior::TryWithMax;
    // The engine makes these directories, or looks for a home when they are not given.
    let private = args.work.join("engine");
    let Some(private) = private.to_str() else {
        return Err(Error::Settings { reason: "the work directory's name is not UTF-8".to_owned() });
    };
    config.http.cache_dir = format!("{private}/http");
    config.http.retries = 0;
    config.task.cache_dir = format!("{private}/calls");
    Ok(config)
}
