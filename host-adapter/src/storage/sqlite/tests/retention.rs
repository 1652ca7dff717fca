//! Old events go.

use super::*;

#[tokio::test]
async fn retention_gives_file_space_back() {
    let stage = Fixture::sqlite(settings()).await;
    for number in 0..20 {
        let large = NewEvent { data: vec![b' '; 256 << 10].into(), ..event(&number.to_string()) };
        stage.append(vec![large]).await;
    }
    let full = restart(stage).await;
    let size = |stage: &Fixture| fs::metadata(path(stage).join("sealpost.db")).unwrap().len();
    let before = size(&full);
    while !full.store.retain(wall_millis() + 1, 5).await.unwrap().done {}
    let emptied = restart(full).await;
    assert!(before > 5 << 20 && size(&emptied) < 1 << 20, "{before} bytes became {}", size(&emptied));
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_stop_retention() {
    let stage = Fixture::sqlite(settings()).await;
    stage.append(["future", "recent", "one", "two"].map(event).into()).await;
    let (now, old) = (wall_millis(), 1_000_000);
    let accept = |id: &str, at: i64| {
        let file = behind_its_back(&stage);
        file.execute("UPDATE event SET accepted_at = ? WHERE id = ?", params![at, id]).unwrap();
    };
    accept("future", now + 1_000_000_000);
    accept("recent", now);
    accept("one", old);
    accept("two", old);

    let mut removed = 0;
    loop {
        let slice = stage.store.retain(old + 1, 3).await.unwrap();
        removed += slice.removed;
        if slice.done {
            break;
        }
    }
    assert_eq!((removed, stage.listed().await), (2, vec![event("future").data, event("recent").data]));
}

#[tokio::test]
async fn a_slice_of_retention_is_bounded_in_bytes_and_the_last_gives_all_space_back() {
    let stage = Fixture::sqlite(settings()).await;
    for number in 0..40 {
        let large = NewEvent { data: vec![b' '; 1 << 20].into(), ..event(&number.to_string()) };
        stage.append(vec![large]).await;
    }
    assert_eq!(stage.store.retain(wall_millis() + 1, 1000).await, Ok(Retained { removed: 8, done: false }));
    while !stage.store.retain(wall_millis() + 1, 1000).await.unwrap().done {}
    let free = behind_its_back(&stage).query_row("PRAGMA freelist_count", [], |row| row.get::<_, u32>(0));
    assert_eq!((free, stage.listed().await.len()), (Ok(0), 0));
}
