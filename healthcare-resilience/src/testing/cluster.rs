use super::RedisServer;
use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);
const NODES: usize = 3;

/// A Redis Cluster of a test's own: three masters that share the slots. Needs `redis-server` and `redis-cli` on `PATH`.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the nodes and joins them, until each knows that all slots are served.
    ///
    /// # Panics
    /// When a program is missing, or the cluster is not whole within a minute.
    #[must_use]
    pub fn start() -> Self {
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let nodes: Vec<RedisServer> = (0..NODES).map(|_| RedisServer::with(&arguments)).collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        let joined = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "0", "--cluster-yes"])
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli on PATH");
        assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stdout));
        let cluster = Self { nodes };
        cluster.until_whole();
        cluster
    }

    /// Where its nodes are reached.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// Its nodes, to be stalled or killed.
    #[must_use]
    pub fn nodes(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    fn until_whole(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.nodes.iter().all(is_whole) {
            assert!(Instant::now() < deadline, "the cluster does not get whole");
            thread::yield_now();
        }
    }
}

/// Whether a node knows all the others and that every slot is served.
fn is_whole(node: &RedisServer) -> bool {
    let asked = Command::new("redis-cli").args(["-p", &node.port().to_string(), "CLUSTER", "INFO"]).output();
    let info = asked.expect("redis-cli on PATH").stdout;
    let info = String::from_utf8_lossy(&info);
    let says = |line: &str| info.lines().any(|each| each.trim_end() == line);
    says("cluster_state:ok") && says(&format!("cluster_known_nodes:{NODES}"))
}
