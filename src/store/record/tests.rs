//! Records as they are packed, cut and read back.

use super::*;
use crate::judge::Verdict;
use std::collections::HashMap;

#[test]
fn a_large_value_is_cut_and_a_changed_chunk_is_seen() {
    // incompressible text
    let text: Vec<u64> = (0..20_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let packed = pack(&text, 5).expect("packs");
    let blob = packed.blob.expect("cut");
    assert!(packed.chunks.iter().all(|chunk| chunk.len() <= MAX_VALUE) && packed.root.len() <= MAX_VALUE);
    let mut disk: HashMap<Key, Vec<u8>> = blob.keys().zip(packed.chunks).collect();
    assert_eq!(blob_of(&packed.root), Some(blob));
    let back: Vec<u64> = decode(&packed.root, |key| disk.get(&key).cloned()).expect("reads");
    assert_eq!(back, text);
    disk.entry(keys::chunk(5, 1)).and_modify(|chunk| chunk[3] ^= 1);
    assert!(matches!(decode::<Vec<u64>>(&packed.root, |k| disk.get(&k).cloned()), Err(RecordError::Chunks)));
}

#[test]
fn a_field_may_be_added_and_an_unknown_version_is_refused() {
    #[derive(Serialize)]
    struct Older {
        format: u32,
        tee: u64,
    }
    let bytes = encode(&Older { format: 1, tee: 9 }).expect("encodes");
    let meta: Meta = decode(&bytes, |_| None).expect("reads");
    assert_eq!(meta, Meta { format: 1, tee: 9, created_ms: 0 });
    let mut newer = bytes;
    newer[0] = 2;
    assert!(matches!(decode::<Meta>(&newer, |_| None), Err(RecordError::Unknown(2, 0))));
}

#[test]
fn counters_survive_the_way_through_words() {
    let mut counts = Counts::default();
    for reason in crate::evidence::NotMirrored::ALL {
        counts.count_not_mirrored(*reason);
    }
    for reason in crate::judge::Inconclusive::ALL {
        counts.count_verdict(Verdict::Inconclusive(*reason));
    }
    counts.count_not_judged(crate::evidence::NotJudged::Shutdown);
    counts.count_verdict(Verdict::Match);
    assert_eq!(counts_of(&words_of(&counts)), Some(counts));
    assert_eq!(counts_of(&BTreeMap::from([("not_mirrored.moon".to_owned(), 1)])), None);
}
