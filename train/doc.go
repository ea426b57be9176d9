// Package train runs an objective on a data set: batches, steps, metrics, sample pictures, checkpoints, resume and the held-out measure.
//
// A run lives in one folder:
//
//	config.json              everything that defines the run
//	metrics.jsonl            one line a logged step
//	samples-NNNNNN.png       what the model makes after that step; reconstructions-, ways- and codes- beside it are of auto-encoders
//	notices.json             what went wrong on the way, such as a collapse, with its step; absent where nothing did
//	loss.png                 the loss over the steps
//	report.html              curves, samples, numbers and settings in one file, at the end
//	events.out.tfevents.*    metrics and samples for TensorBoard
//	checkpoint.safetensors   the state after a step: parameters, optimisers, random streams, place in the data
//	checkpoint.json          the same state less the tensors, to be read
//	summary.json             the result, once the run is complete
//
// A run that was stopped or killed and then resumed has, bit for bit, the checkpoints of a run that was not, and the same metrics but for
// their times, on the same tier of kernels, the same device, and for any number of workers.
//
// [DefaultConfigOf] or [PresetConfig], [Prepare] and [Run] train as sinkcpu train does; [Load] takes the model of a run to where samples are
// needed. [Run] also trains an objective of one's own: see [Custom].
package train
