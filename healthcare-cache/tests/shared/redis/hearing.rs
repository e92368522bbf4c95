//! Links to listen over that are lost, and found again.

use super::{connect, fresh, url};
use healthcare_cache::{RedisShared, SharedError, SharedTier as _};
use healthcare_resilience::testing::RedisServer;
use redis::Client;

async fn listening(url: &str, sources: &[&str]) -> RedisShared {
    let mut builder = RedisShared::builder().connection(connect(url).await).prefix(fresh());
    for source in sources {
        builder = builder.listener(Client::open(*source).unwrap());
    }
    builder.build().unwrap()
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn without_a_client_to_listen_with_a_node_is_deaf() {
    let node = listening(&url(), &[]).await;
    assert!(matches!(node.listen().await, Err(SharedError::Deaf)));
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_lost_link_fails_and_a_new_one_hears() {
    let mut server = RedisServer::start();
    let url = server.url();
    let node = listening(&url, &[&url]).await;
    let mut listener = node.listen().await.unwrap();
    let mut connection = connect(&url).await;
    let killed: u64 =
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "pubsub"]).query_async(&mut connection).await.unwrap();
    assert_eq!(killed, 1);
    assert!(matches!(listener.next().await, Err(SharedError::Away(_))));
    assert!(listener.next().await.is_err(), "it stays lost");
    let mut listener = node.listen().await.unwrap();
    node.say(b"a").await.unwrap();
    assert_eq!(listener.next().await.unwrap(), b"a");
    server.kill();
    assert!(matches!(listener.next().await, Err(SharedError::Away(_))));
    assert!(matches!(node.listen().await, Err(SharedError::Away(_))));
    server.restart();
    node.listen().await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn another_prefix_is_another_bus() {
    let [here, there] = [listening(&url(), &[&url()]).await, listening(&url(), &[&url()]).await];
    let mut listener = here.listen().await.unwrap();
    there.say(b"there").await.unwrap();
    here.say(b"here").await.unwrap();
    assert_eq!(listener.next().await.unwrap(), b"here");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_next_source_is_asked_when_one_is_gone() {
    let mut gone = RedisServer::start();
    let dead = gone.url();
    gone.kill();
    let node = listening(&url(), &[&dead, &url()]).await;
    for _ in 0..2 {
        // Which comes first is left to chance.
        let links = [node.listen().await, node.listen().await];
        node.say(b"a").await.unwrap();
        let (mut heard, mut lost) = (0, 0);
        for link in links {
            match link {
                Ok(mut listener) => heard += usize::from(listener.next().await.unwrap() == b"a"),
                Err(error) => lost += usize::from(matches!(error, SharedError::Away(_))),
            }
        }
        assert_eq!((heard, lost), (1, 1));
    }
}
