use crate::numbers::Numbers;

#[test]
fn a_beat_says_no_more_than_is_through() {
    let mut numbers = Numbers::default();
    assert_eq!(numbers.complete(), 0);
    let [one, two, three] = [(); 3].map(|()| numbers.begin().unwrap());
    assert_eq!((one, two, three, numbers.complete()), (1, 2, 3, 0));
    numbers.end(two);
    assert_eq!(numbers.complete(), 0);
    numbers.end(one);
    assert_eq!(numbers.complete(), 2);
    numbers.end(one);
    numbers.end(three);
    assert_eq!((numbers.complete(), numbers.begin()), (3, Some(4)));
}

#[test]
fn not_more_are_on_their_way_than_there_is_room_for() {
    let mut numbers = Numbers::default();
    for _ in 0..Numbers::OPEN_MAX {
        numbers.begin().unwrap();
    }
    assert_eq!(numbers.begin(), None);
    numbers.end(2_000);
    assert!(numbers.begin().is_some());
    assert_eq!(numbers.complete(), 0);
}
