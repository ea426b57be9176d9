package kernels

// SquaredDeviations returns
//
//	sum_i (x[i] - mean)^2
//
// in vector lanes of T over runs of 2^16 elements (float32) or 2^15, and in float64 over the runs. With mean that of x, [Sum] divided by the
// length, it is the second pass of the stable two-pass variance.
func SquaredDeviations[T Float](x []T, mean T) T { return active[T]().squaredDeviations(x, mean) }

// DeviationProducts returns the sums that undo a normalisation,
//
//	sum     = sum_i y[i]
//	product = sum_i y[i] (x[i] - mean)
//
// summed as in [SquaredDeviations]. len(x) must equal len(y).
func DeviationProducts[T Float](y, x []T, mean T) (sum, product T) {
	sameLen(x, y)
	return active[T]().deviationProducts(y, x, mean)
}

// Normalize sets
//
//	dst[i] = scale (x[i] - mean) + bias
//
// len(dst) must equal len(x); dst may be x. With scale = weight/sqrt(variance + eps) it is the forward pass of batch normalisation for a
// channel that lies in one piece, as the planes of images do.
func Normalize[T Float](dst, x []T, scale, mean, bias T) {
	sameLen(dst, x)
	active[T]().normalize(dst, x, scale, mean, bias)
}

// NormalizeBackward sets
//
//	dx[i] = scale dy[i] + slope (x[i] - mean) + offset
//
// All three have the same length; dx may be dy or x. With r = 1/sqrt(variance + eps) and M elements, batch normalisation has
// scale = weight r, slope = -weight r^3 product/M and offset = -weight r sum/M, for the sums of [DeviationProducts].
func NormalizeBackward[T Float](dx, dy, x []T, scale, slope, mean, offset T) {
	sameLen(dx, dy)
	sameLen(dx, x)
	active[T]().normalizeBw(dx, dy, x, scale, slope, mean, offset)
}

// ColumnSquaredDeviations is [SquaredDeviations] for each column of a matrix:
//
//	acc[j] += sum_r (x[r*ldx+j] - mean[j])^2
//
// for r < rows, j < len(acc) = len(mean).
func ColumnSquaredDeviations[T Float](acc, x []T, ldx, rows int, mean []T) {
	checkRows(rows)
	sameCols(acc, mean)
	checkBlock(x, ldx, rows, len(acc))
	active[T]().columnSquaredDeviations(acc, x, ldx, rows, mean)
}

// ColumnDeviationProducts is [DeviationProducts] for each column of a matrix:
//
//	sum[j]     += sum_r y[r*ldy+j]
//	product[j] += sum_r y[r*ldy+j] (x[r*ldx+j] - mean[j])
//
// for r < rows, j < len(sum) = len(product) = len(mean).
func ColumnDeviationProducts[T Float](sum, product, y []T, ldy int, x []T, ldx, rows int, mean []T) {
	checkRows(rows)
	sameCols(sum, product)
	sameCols(sum, mean)
	checkBlock(y, ldy, rows, len(sum))
	checkBlock(x, ldx, rows, len(sum))
	active[T]().columnDeviationProducts(sum, product, y, ldy, x, ldx, rows, mean)
}

// NormalizeColumns is [Normalize] with numbers for each column of a matrix:
//
//	dst[r*ldd+j] = scale[j] (x[r*ldx+j] - mean[j]) + bias[j]
//
// for r < rows, j < len(scale) = len(mean) = len(bias). dst may be x.
func NormalizeColumns[T Float](dst []T, ldd int, x []T, ldx, rows int, scale, mean, bias []T) {
	checkRows(rows)
	sameCols(scale, mean)
	sameCols(scale, bias)
	checkBlock(dst, ldd, rows, len(scale))
	checkBlock(x, ldx, rows, len(scale))
	active[T]().normalizeColumns(dst, ldd, x, ldx, rows, scale, mean, bias)
}

// NormalizeColumnsBackward is [NormalizeBackward] with numbers for each column of a matrix:
//
//	dx[r*lddx+j] = scale[j] dy[r*lddy+j] + slope[j] (x[r*ldx+j] - mean[j]) + offset[j]
//
// for r < rows, j < len(scale) = len(slope) = len(mean) = len(offset). dx may be dy or x.
func NormalizeColumnsBackward[T Float](dx []T, lddx int, dy []T, lddy int, x []T, ldx, rows int, scale, slope, mean, offset []T) {
	checkRows(rows)
	sameCols(scale, slope)
	sameCols(scale, mean)
	sameCols(scale, offset)
	checkBlock(dx, lddx, rows, len(scale))
	checkBlock(dy, lddy, rows, len(scale))
	checkBlock(x, ldx, rows, len(scale))
	active[T]().normalizeColumnsBw(dx, lddx, dy, lddy, x, ldx, rows, scale, slope, mean, offset)
}

// NormalizeRow sets
//
//	dst[j] = weight[j] ((x[j] - mean) inv) + bias[j]
//
// All four have the same length; dst may be x. With inv = 1/sqrt(variance + eps) it is layer normalisation of one row.
func NormalizeRow[T Float](dst, x []T, mean, inv T, weight, bias []T) {
	sameLen(dst, x)
	sameLen(dst, weight)
	sameLen(dst, bias)
	active[T]().normalizeRow(dst, x, mean, inv, weight, bias)
}

func checkRows(rows int) {
	if rows < 0 {
		panic(badCount)
	}
}

func sameCols[T Float](x, y []T) {
	if len(x) != len(y) {
		panic(badCols)
	}
}
