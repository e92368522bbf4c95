use crate::{connect, fresh, shared};
use healthcare_resilience::{
    RedisInput, RedisLink, RedisScript,
    testing::{FaultyRedis, RedisServer},
};
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

/// Adds to a counter, and answers what it is then.
fn add() -> RedisScript {
    RedisScript::new("return redis.call('INCRBY', KEYS[1], ARGV[1])")
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_script_is_one_round_trip_and_two_when_the_server_does_not_know_it() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    let connection = FaultyRedis::new(admin.clone());
    let link = RedisLink::new(connection.clone());
    let (add, input) = (add(), RedisInput::new().key("a").arg(2));
    for (number, commands) in [(2, 2), (4, 1), (6, 1)] {
        assert_eq!(add.run::<u64>(&link, &input).await.unwrap(), number);
        assert_eq!(connection.commands(), commands);
    }
    redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut admin).await.unwrap();
    // Another value of the same script: the hash is the script's, not the value's.
    assert_eq!(self::add().run::<u64>(&link, &input).await.unwrap(), 8, "it ran once");
    assert_eq!(connection.commands(), 2);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn keys_and_arguments_arrive_as_they_were_given() {
    let link = RedisLink::new(shared().await);
    let echo = RedisScript::new(
        "return { #KEYS, #ARGV, KEYS[1] or '', KEYS[2] or '', ARGV[1] or '', ARGV[2] or '' }",
    );
    let run = async |input| echo.run::<Vec<Value>>(&link, &input).await.unwrap();
    let told = |keys, arguments, words: [&[u8]; 4]| {
        let words = words.into_iter().map(|word| Value::BulkString(word.to_vec()));
        [Value::Int(keys), Value::Int(arguments)].into_iter().chain(words).collect::<Vec<_>>()
    };
    let odd = [0, b' ', b'\r', b'\n', 255].as_slice();
    assert_eq!(run(RedisInput::new()).await, told(0, 0, [b"", b"", b"", b""]));
    let input = RedisInput::new().arg(odd).key("{a}1").key(None::<&str>).arg("").key(b"{a}2".as_slice());
    assert_eq!(run(input).await, told(2, 2, [b"{a}1", b"{a}2", odd, b""]));
    let many = RedisInput::default().key(vec!["{a}1", "{a}2"]).arg([u64::MAX, 0].as_slice());
    assert_eq!(run(many).await, told(2, 2, [b"{a}1", b"{a}2", b"18446744073709551615", b"0"]));
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_goes_wrong_is_told_as_it_was() {
    let connection = FaultyRedis::new(shared().await);
    let link = RedisLink::new(connection.clone());
    let kind = |answered: Result<u64, RedisError>| answered.unwrap_err().kind();
    let (input, add) = (RedisInput::new().key(fresh()).arg(1), add());
    let raises = RedisScript::new("return redis.error_reply('MINE it is')");
    let raised = raises.run::<u64>(&link, &input).await.unwrap_err();
    assert_eq!(raised.code(), Some("MINE"));
    // A script that answers as if it were unknown is not run again for ever.
    let lies = RedisScript::new("return redis.error_reply('NOSCRIPT not me')");
    connection.commands();
    assert_eq!(kind(lies.run(&link, &input).await), ErrorKind::Server(ServerErrorKind::NoScript));
    assert_eq!(connection.commands(), 2);
    let text = RedisScript::new("return 'no number'").run::<u64>(&link, &input).await;
    assert_eq!(kind(text), ErrorKind::Parse);
    add.run::<u64>(&link, &input).await.unwrap();
    connection.lose(1);
    assert_eq!(kind(add.run(&link, &input).await), ErrorKind::Io);
    assert_eq!(
        add.run::<u64>(&link, &input).await.unwrap(),
        3,
        "the lost one had run, and nothing ran twice"
    );
    // A MultiplexedConnection hands errors out as values.
    let wrong = link.send(redis::cmd("INCRBY").arg("a")).await;
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_pool_is_waited_for_as_long_as_it_says_and_found_again_after_a_restart() {
    let mut server = RedisServer::start();
    let mut pool = deadpool_redis::Config::from_url(server.url());
    let timeouts = deadpool_redis::Timeouts::wait_millis(1);
    pool.pool = Some(deadpool_redis::PoolConfig { max_size: 1, timeouts, ..Default::default() });
    let pool = pool.create_pool(Some(deadpool_redis::Runtime::Tokio1)).unwrap();
    let link = RedisLink::pool(pool.clone());
    let (add, input) = (add(), RedisInput::new().key("a").arg(1));
    for number in 1..=3 {
        assert_eq!(add.run::<u64>(&link, &input).await.unwrap(), number, "each gives its connection back");
    }
    let taken = pool.get().await.unwrap();
    assert_eq!(add.run::<u64>(&link, &input).await.unwrap_err().kind(), ErrorKind::Io);
    drop(taken);
    assert_eq!(add.run::<u64>(&link, &input).await.unwrap(), 4);
    server.kill();
    add.run::<u64>(&link, &input).await.unwrap_err();
    server.restart();
    let mut tries = 0..100;
    while add.run::<u64>(&link, &input).await.is_err() {
        assert!(tries.next().is_some(), "the server does not come back");
    }
}

#[test]
fn nothing_of_a_person_is_printed() {
    let input = RedisInput::new().key("Ivanova").arg("Ivanova");
    let link = RedisLink::new(Silent { _password: "secret" });
    let printed = format!("{input:?} {link:?} {:?} {:?}", add(), add().hash().len());
    assert!(
        !printed.contains("Ivanova") && !printed.contains("secret") && !printed.contains("INCRBY"),
        "{printed}"
    );
}

#[derive(Debug, Clone)]
struct Silent {
    _password: &'static str,
}

impl redis::aio::ConnectionLike for Silent {
    fn req_packed_command<'a>(&'a mut self, _: &'a redis::Cmd) -> redis::RedisFuture<'a, Value> {
        Box::pin(std::future::pending())
    }
    fn req_packed_commands<'a>(
        &'a mut self,
        _: &'a redis::Pipeline,
        _: usize,
        _: usize,
    ) -> redis::RedisFuture<'a, Vec<Value>> {
        Box::pin(std::future::pending())
    }
    fn get_db(&self) -> i64 {
        0
    }
}
