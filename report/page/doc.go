// Package page shows runs to a person: as a live page over HTTP, and as one self-contained file.
//
// Both are made from what a run leaves in its folder (config.json, metrics.jsonl, notices.json, summary.json, pictures of steps) and from nothing
// else: a page neither slows nor disturbs the training that it shows, and a run of yesterday looks as one in progress. Several runs are
// shown side by side. Nothing is fetched from anywhere but the server itself.
package page
