//! What the tests of power loss share: the recorder in front of the file system, the disk that its recording tells of,
//! images of that disk, and the search for syncs that nobody would miss. Knows no load, and not what must hold of an image.

pub mod choice;
pub mod disk;
pub mod images;
pub mod recorder;
pub mod recording;
pub mod sites;
