//! Nothing of a patient can be read in the Redis, nor in what is sent to it.

use crate::{PATIENTS, Pair, common::HARBOUR, hits, until};
use serde_json::json;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What nobody may find: names, numbers, an address.
const SECRETS: [&str; 5] = ["Quillfeather", "Zephyrine", "0171-5550188", "Larkspur Rise", "quillfeather@"];

/// Everything that is sent to a Redis from now on, as it says itself.
struct Ears(Arc<Mutex<Vec<u8>>>);

impl Ears {
    fn open(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let mut first = [0; 5];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"+OK\r\n");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                said.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self(heard)
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Every key and what lies there, as bytes.
fn dump(port: u16) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let script = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
        all[#all + 1] = key all[#all + 1] = redis.call('DUMP', key) end return all";
    write!(stream, "*3\r\n$4\r\nEVAL\r\n${}\r\n{script}\r\n$1\r\n0\r\n", script.len()).unwrap();
    let mut all = Vec::new();
    // It ends with the time-out: the connection stays open.
    let _ = stream.read_to_end(&mut all);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and Redis: cargo xtask test"]
async fn no_word_about_a_patient_lies_in_the_redis_or_goes_there() {
    let pair = Pair::start().await;
    let ears = Ears::open(pair.redis.port());
    let [here, there] = pair.signed_in("receptionist").await;
    let patient = json!({"family": "Quillfeather", "given": "Zephyrine", "phone": "0171-5550188",
        "email": "quillfeather@example.org", "address": {"lines": ["7 Larkspur Rise"], "city": "Quay"}});
    let made = here.post(PATIENTS, &patient).await.expect(201).json();
    let id = made["id"].as_str().unwrap();
    let path = format!("{PATIENTS}/{id}");
    // Sealed rows are there: the second server finds one, and opens it.
    until("the row comes from the Redis", async || {
        here.get(&path).await.expect(200);
        pair.other.server.app.caches.node().purge_clinic(HARBOUR.parse().unwrap()).await;
        here.get(&path).await.expect(200);
        assert_eq!(there.get(&path).await.expect(200).json()["family"], "Quillfeather");
        hits(&pair.other, "patient").1 > 0
    })
    .await;
    here.patch(&path, &json!({"version": made["version"], "given": "Zephyrine Ada"})).await.expect(200);
    here.get(&path).await.expect(200);
    here.post(&format!("{PATIENTS}/search"), &json!({"family": "Quillfeather"})).await.expect(200);
    let lies = dump(pair.redis.port());
    assert!(lies.windows(12).any(|part| part == b"clinic-cache"), "values are there");
    let (lies, heard) = (String::from_utf8_lossy(&lies).into_owned(), ears.heard());
    assert!(heard.contains("clinic-cache") && heard.len() > 1_000, "{heard}");
    for secret in SECRETS {
        assert!(!lies.contains(secret) && !heard.contains(secret), "{secret}");
    }
    // Nor whom a value is about: names are hashes.
    assert!(!lies.contains(id) && !heard.contains(id));
    assert!(!lies.contains(&id.replace('-', "")) && !heard.contains(&id.replace('-', "")));
    pair.stop().await;
}
