// Padding, cropping and the change between channel planes and rows by positions, against one loop per element.
#include "tests/check.h"

namespace test {
namespace {

using pellucid::Window;

// Every lane of what a kernel wrote, pads included, against what it should be.
template <class T>
void same(const Matrix<T>& found, const Matrix<T>& expected, const std::string& what) {
  check(found.same_bits(expected), what);
}

template <class T>
void margins(const Window& w, long samples) {
  const long image = w.height * w.width, frame = w.out_height * w.out_width;
  Matrix<T> x(samples * image, w.channels), around(samples * frame, w.channels),
      expected(around.rows, w.channels, false);
  Matrix<T> inside(x.rows, w.channels, false);
  const auto at = [&](long s, long i, long j) { return s * frame + (w.top + i) * w.out_width + w.left + j; };
  for (long s = 0; s < samples; ++s)
    for (long i = 0; i < w.height; ++i)
      for (long j = 0; j < w.width; ++j)
        for (long c = 0; c < w.channels; ++c) {
          const long from = s * image + i * w.width + j;
          expected.at(at(s, i, j), c) = x.at(from, c);
          inside.at(from, c) = around.at(at(s, i, j), c);
        }
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = std::string(type_name<T>()) + " " + std::to_string(w.channels) + " channels of " +
                             std::to_string(w.height) + "x" + std::to_string(w.width) + " at " + std::to_string(w.top) +
                             ", " + std::to_string(w.left) + " of " + std::to_string(w.out_height) + "x" +
                             std::to_string(w.out_width) + " " + table.isa;
    Matrix<T> padded_image(around), cropped(x);
    padded_image.fill(9);
    cropped.fill(9);
    t.pad_image(w, samples, x.data, padded_image.data);
    t.crop_image(w, samples, around.data, cropped.data);
    same(padded_image, expected, name + ": pad_image");
    same(cropped, inside, name + ": crop_image");
  }
}

template <class T>
void planes_and_positions(long channels, long positions, long samples) {
  Matrix<T> planes(samples, channels * positions), rows(samples * positions, channels, false);
  for (long s = 0; s < samples; ++s)
    for (long c = 0; c < channels; ++c)
      for (long p = 0; p < positions; ++p) rows.at(s * positions + p, c) = planes.at(s, c * positions + p);
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = std::string(type_name<T>()) + " " + std::to_string(samples) + " samples of " +
                             std::to_string(channels) + " channels, " + std::to_string(positions) + " positions " +
                             table.isa;
    Matrix<T> to_rows(rows), to_planes(planes);
    to_rows.fill(9);
    to_planes.fill(9);
    t.to_positions(planes.data, channels, positions, samples, to_rows.data);
    t.to_planes(rows.data, channels, positions, samples, to_planes.data);
    same(to_rows, rows, name + ": to_positions");
    same(to_planes, planes, name + ": to_planes");

    Matrix<T> vectors(samples, channels), everywhere(rows.rows, channels, false), spread(rows);
    spread.fill(9);
    for (long r = 0; r < rows.rows; ++r)
      for (long c = 0; c < channels; ++c) everywhere.at(r, c) = vectors.at(r / positions, c);
    t.spread(vectors.data, channels, positions, samples, spread.data);
    same(spread, everywhere, name + ": spread");
  }
}

template <class T>
void columns(long from, long width, long to) {
  const long rows = 5;
  Matrix<T> x(rows, from + width + 2), y(rows, to + width + 3);
  Matrix<T> expected(y);
  for (long r = 0; r < rows; ++r)
    for (long j = 0; j < width; ++j) expected.at(r, to + j) = x.at(r, from + j);
  for (const auto& table : tables()) {
    Matrix<T> found(y);
    kernels_of<T>(table).copy_columns(x.data, x.ld, from, width, found.data, found.ld, to, rows);
    same(found, expected,
         std::string(type_name<T>()) + " copy_columns " + std::to_string(from) + " " + std::to_string(width) + " " +
             std::to_string(to) + " " + table.isa);
  }
}

template <class T>
void every_layout() {
  for (long channels : {1, 3, 15, 16, 17, 30, 64}) {
    // channels, height, width, out_height, out_width; top and left are the last two
    for (const Window& w :
         {Window{channels, 3, 4, 3, 4, 1, 1, 1, 1, 1, 1, 0, 0}, Window{channels, 3, 4, 5, 6, 1, 1, 1, 1, 1, 1, 1, 1},
          Window{channels, 5, 2, 6, 9, 1, 1, 1, 1, 1, 1, 0, 4}, Window{channels, 1, 1, 4, 3, 1, 1, 1, 1, 1, 1, 3, 0},
          Window{channels, 4, 7, 9, 7, 1, 1, 1, 1, 1, 1, 2, 0}})
      margins<T>(w, 1 + channels % 3);
    for (long positions : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 25, 33, 49, 64, 100})
      planes_and_positions<T>(channels, positions, 1 + positions % 3);
  }
  for (long from : {0, 1, 15, 16, 21})
    for (long width : {1, 3, 8, 15, 16, 17, 30, 64})
      for (long to : {0, 5, 16, 33}) columns<T>(from, width, to);
}

}  // namespace

void test_image_layout() {
  every_layout<float>();
  every_layout<double>();
}

}  // namespace test
