//! What is too large for one record: it comes in parts and is there in one piece.

use serde_json::{Value, json};
use tests::api::VISIBLE_WITHIN;
use tests::chance::Chance;
use tests::site::Site;
use tests::wait::until;

/// Bytes that do not compress, and hold no secret.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let bytes = std::iter::repeat_with(|| chance.number().to_le_bytes()).flatten();
    bytes.take(len).collect()
}

/// An envelope of an event's items.
fn envelope(event_id: &str, items: &[(Value, &[u8])]) -> Vec<u8> {
    let mut body = json!({"event_id": event_id}).to_string().into_bytes();
    for (header, payload) in items {
        let mut header = header.clone();
        header["length"] = payload.len().into();
        body.extend_from_slice(format!("\n{header}\n").as_bytes());
        body.extend_from_slice(payload);
    }
    body
}

fn items_path(site: &Site) -> String {
    format!("projects/{}/{}/vedette/items/", site.org(), site.project())
}

/// The only item of a kind, once it is there.
async fn item(site: &Site, kind: &str) -> Value {
    let path = format!("{}?kind={kind}", items_path(site));
    let found = until("the item", VISIBLE_WITHIN, || async {
        let list = site.api().get(&path).await.ok()?;
        list.as_array()?.first().cloned()
    });
    found.await.unwrap()
}

async fn download(site: &Site, item: &Value) -> Vec<u8> {
    let id = item["id"].as_str().unwrap();
    let path = format!("{}{id}/?download=1", items_path(site));
    let got = site
        .api()
        .call(reqwest::Method::GET, &path, None)
        .await
        .unwrap();
    got.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_a_profile_of_many_mebibytes_are_there_whole_and_counted_once() {
    let site = Site::start().await.unwrap();
    let file = noise(1, 9 << 20);
    let samples = "1234567,".repeat(700_000);
    let profile = format!(
        "{{\"profile_id\":\"{}\",\"platform\":\"python\",\"version\":\"1\",\"samples\":[{}0]}}",
        "a".repeat(32),
        samples
    );
    let event = json!({"message": "large", "platform": "python"}).to_string();
    let body = envelope(
        &"5".repeat(32),
        &[
            (json!({"type": "event"}), event.as_bytes()),
            (json!({"type": "attachment", "filename": "core.bin"}), &file),
            (json!({"type": "profile"}), profile.as_bytes()),
        ],
    );
    let answer = site.sdk().post(body, "").await.unwrap();
    assert_eq!(answer.status(), 200);

    let found = item(&site, "attachment").await;
    assert_eq!(
        (&found["name"], &found["size"]),
        (&json!("core.bin"), &json!(file.len()))
    );
    assert_eq!(download(&site, &found).await, file);
    let found = item(&site, "profile").await;
    assert_eq!(found["facts"]["platform"], "python");
    assert_eq!(download(&site, &found).await, profile.as_bytes());
    site.assert_ledger_balances().await.unwrap();
}

/// A request of an upload to the relay; gives where it goes on, if it is told.
async fn tus(
    site: &Site,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: Vec<u8>,
) -> (u16, Option<usize>, String) {
    let (_, key) = site.dsn().split_once("//").unwrap();
    let (key, _) = key.split_once('@').unwrap();
    let url = format!("{}{path}?sentry_key={key}", site.relay_url());
    let method = method.parse().unwrap();
    let mut request = tests::api::client().request(method, url).body(body);
    request = request.header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let got = request.send().await.unwrap();
    let text = |name: &str| got.headers().get(name)?.to_str().ok();
    let offset = text("upload-offset").and_then(|offset| offset.parse().ok());
    let location = text("location").unwrap_or_default().to_owned();
    (got.status().as_u16(), offset, location)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_the_relay_was_killed_and_is_there_whole() {
    let mut site = Site::start().await.unwrap();
    let file = noise(2, 7 << 20);
    let begin = format!("/api/{}/upload/", site.access().project_id);
    let length = [("upload-length", file.len().to_string())];
    let (status, _, location) = tus(&site, "POST", &begin, &length, Vec::new()).await;
    assert_eq!(status, 201);
    let piece = |at: usize| {
        let kind = "application/offset+octet-stream".to_owned();
        [("content-type", kind), ("upload-offset", at.to_string())]
    };
    let first = file[..4 << 20].to_vec();
    let (status, ..) = tus(&site, "PATCH", &location, &piece(0), first).await;
    assert_eq!(status, 204);
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    let (status, at, _) = tus(&site, "HEAD", &location, &[], Vec::new()).await;
    let at = at.unwrap();
    assert!(status == 200 && at > 2 << 20, "{status} {at}");
    let rest = file[at..].to_vec();
    let (status, at, _) = tus(&site, "PATCH", &location, &piece(at), rest).await;
    assert_eq!((status, at), (204, Some(file.len())));

    let event = json!({"message": "with a large file"}).to_string();
    let reference = json!({"location": location, "content_type": "application/x-core"});
    let body = envelope(
        &"6".repeat(32),
        &[
            (json!({"type": "event"}), event.as_bytes()),
            (
                json!({"type": "attachment", "filename": "core", "attachment_length": file.len(),
                    "content_type": "application/vnd.sentry.attachment-ref+json"}),
                reference.to_string().as_bytes(),
            ),
        ],
    );
    assert_eq!(site.sdk().post(body, "").await.unwrap().status(), 200);
    let found = item(&site, "attachment").await;
    assert_eq!(found["facts"]["content_type"], "application/x-core");
    assert!(download(&site, &found).await == file, "another file");
    site.assert_ledger_balances().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_envelope_may_be_larger_than_the_memory_that_it_takes() {
    // The debug build has more code, which is there before.
    const GROWTH_MAX: u64 = 48 << 20;
    let site = Site::start().await.unwrap();
    let before = site.relay_resident_bytes().unwrap();
    let file = noise(3, 70 << 20);
    let body = envelope(
        &"7".repeat(32),
        &[
            (json!({"type": "event"}), b"{\"message\":\"huge\"}"),
            (json!({"type": "attachment", "filename": "dump"}), &file),
        ],
    );
    assert_eq!(site.sdk().post(body, "").await.unwrap().status(), 200);
    let found = item(&site, "attachment").await;
    assert!(download(&site, &found).await == file, "another file");
    let peak = site.relay().unwrap().resident_peak_bytes().unwrap();
    let growth = peak.saturating_sub(before);
    println!("the relay held {} MiB more", growth >> 20);
    assert!(growth < GROWTH_MAX, "{} MiB more", growth >> 20);
    site.assert_ledger_balances().await.unwrap();
}

/// A form with one file.
fn form(name: &str, filename: &str, file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\r\n"
    );
    [head.as_bytes(), file, b"\r\n--xyz--\r\n"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_form_may_be_larger_than_the_memory_that_it_takes() {
    const GROWTH_MAX: u64 = 48 << 20;
    let site = Site::start().await.unwrap();
    let before = site.relay_resident_bytes().unwrap();
    let (_, key) = site.dsn().split_once("//").unwrap();
    let (key, _) = key.split_once('@').unwrap();
    // Without what happens to look like a URL with a password.
    let signs = |seed, len| -> Vec<u8> { noise(seed, len).iter().map(|b| b | 0x80).collect() };
    let file = signs(4, 60 << 20);
    let mut dump = signs(5, 40 << 20);
    dump[..4].copy_from_slice(b"MDMP");
    let id = "8".repeat(32);
    for (path, name, file) in [
        (format!("events/{id}/attachments"), "core.bin", &file),
        ("minidump".to_owned(), "crash.dmp", &dump),
    ] {
        let project = &site.access().project_id;
        let url = format!(
            "{}/api/{project}/{path}/?sentry_key={key}",
            site.relay_url()
        );
        let body = tests::load::gzip_of(&form("upload_file_minidump", name, file)).unwrap();
        let request = tests::api::client().post(url).body(body);
        let request = request.header("content-type", "multipart/form-data; boundary=xyz");
        let answer = request
            .header("content-encoding", "gzip")
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let found = until("the file", VISIBLE_WITHIN, || async {
            let list = site.api().get(&items_path(&site)).await.ok()?;
            let mut list = list.as_array()?.iter();
            list.find(|item| item["name"] == name).cloned()
        });
        let found = download(&site, &found.await.unwrap()).await;
        assert!(found == *file, "another file");
    }
    let peak = site.relay().unwrap().resident_peak_bytes().unwrap();
    let growth = peak.saturating_sub(before);
    println!("the relay held {} MiB more", growth >> 20);
    assert!(growth < GROWTH_MAX, "{} MiB more", growth >> 20);
    site.assert_ledger_balances().await.unwrap();
}
