//! Projects, samples, readsets, references, labels and lineage.
