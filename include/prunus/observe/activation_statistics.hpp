// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/observe/activation_record.hpp>
#include <prunus/observe/detail/run_sums.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::all_of, std::find_if, std::min
#include <cmath>        // std::isfinite
#include <concepts>     // std::convertible_to
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t
#include <set>          // std::set
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// How the values of a batch lie: samples x channels x positions, row-major.
struct activation_batch {
  Index samples = 1;
  Index channels = 0;   ///< 0: every value of a sample is a channel, as behind a linear layer
  double accuracy = 1;  ///< of the training by now, in [0, 1]: weighs the batch in `weighted`
};

namespace detail {

template <class Values>
concept activation_values = std::convertible_to<const Values&, std::span<const float>> ||
    std::convertible_to<const Values&, std::span<const double>>;

}  // namespace detail

/// Counts and sums of activations, gathered batch by batch under the names of the weights they
/// belong to.
///
///     prunus::activation_statistics outputs;
///     outputs.add("fc1.weight", values, 32);                                // 32 x neurons
///     outputs.add("conv1.weight", planes, {.samples = 32, .channels = 16});  // 32 x 16 x H x W
///
/// A value counts as active when it is not 0, which behind a rectifier is the same as above 0.
/// Counts are exact; sums are formed in double, sample after sample, so that gathering in parts and
/// merging gives the same up to the rounding of double sums. A value: copy it, merge it, save it.
class activation_statistics {
 public:
  /// Adds a batch of `float` or `double` values (anything that converts to a std::span of them).
  /// The first batch of a name decides how many channels it has.
  /// Cost: one pass over the values; no allocation after the first batch of a name.
  /// @throws argument_error (unknown_name: an empty one; out_of_range: samples < 1, channels < 0,
  ///         accuracy outside [0, 1]), shape_error (shape_mismatch: the values are no multiple of
  ///         samples x channels, or another number of channels than before), value_error
  ///         (not_finite: names the weight); the statistics are then as before
  template <detail::activation_values Values>
  void add(std::string_view name, const Values& values, const activation_batch& batch) {
    if constexpr (std::convertible_to<const Values&, std::span<const float>>)
      add_values(name, std::span<const float>(values), batch);
    else
      add_values(name, std::span<const double>(values), batch);
  }
  template <detail::activation_values Values>
  void add(std::string_view name, const Values& values, Index samples) {
    add(name, values, activation_batch{samples});
  }

  /// Adds what another object has gathered, as if this one had seen those batches too.
  /// @throws shape_error (shape_mismatch: a name with another number of channels); nothing is then
  /// merged
  void merge(const activation_statistics& other) {
    for (const activation_record& theirs : other.records_)
      if (const activation_record* ours = find(theirs.name))
        expect_channels(*ours, theirs.channels(), "activation_statistics.merge");
    for (const activation_record& theirs : other.records_)
      record_of(theirs.name, theirs.channels()).add(theirs);
  }

  /// Forgets everything.
  void reset() noexcept { records_.clear(); }

  [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
  /// In the order in which the names came.
  [[nodiscard]] const std::vector<activation_record>& records() const noexcept { return records_; }
  /// What was gathered under that name, or nullptr.
  [[nodiscard]] const activation_record* find(std::string_view name) const noexcept {
    for (const activation_record& r : records_)
      if (r.name == name) return &r;
    return nullptr;
  }
  /// @throws argument_error (unknown_name)
  [[nodiscard]] const activation_record& operator[](std::string_view name) const {
    if (const activation_record* found = find(name)) return *found;
    throw argument_error(errc::unknown_name,
                         detail::concat("activation_statistics: nothing was gathered for ", name,
                                        "; add its values under the name of the weight"));
  }

  template <class = compiled_on_use>
  void save(archive_writer& out) const {
    out.tag("prunus activations 1");
    out.number(static_cast<std::int64_t>(records_.size()));
    for (const activation_record& r : records_) {
      out.text(r.name);
      out.number(static_cast<std::int64_t>(r.channels()));
      out.number(static_cast<std::int64_t>(r.samples));
      out.number(static_cast<std::int64_t>(r.positions));
      out.values(r.active.data(), r.channels());
      for (const auto* sums : {&r.sum, &r.magnitude, &r.square, &r.weighted})
        out.values(sums->data(), r.channels());
    }
  }
  /// Replaces what was gathered by what was saved, bit for bit.
  /// @throws file_error (truncated, malformed); this object is then unchanged
  template <class = compiled_on_use>
  void load(archive_reader& in) {
    in.tag("prunus activations 1");
    std::vector<activation_record> loaded;
    std::set<std::string> names;
    for (Index count = in.count("names"); count > 0; --count) {
      activation_record r;
      r.name = in.text();
      const Index channels = in.count("channels");
      r.samples = in.count("samples");
      r.positions = in.count("values of a channel");
      read(in, r.active, channels);
      for (auto* sums : {&r.sum, &r.magnitude, &r.square, &r.weighted}) read(in, *sums, channels);
      const bool is_new = !r.name.empty() && names.insert(r.name).second;
      const bool sane = std::all_of(r.active.begin(), r.active.end(), [&](std::int64_t active) {
        return active >= 0 && active <= r.positions;
      });
      if (!is_new || channels < 1 || !sane)
        throw file_error(errc::malformed,
                         detail::concat(in.origin(), ": the statistics of \"", r.name, "\" ",
                                        !is_new        ? "have no name of their own"
                                        : channels < 1 ? "have no channels"
                                                       : "have more active values than values"));
      loaded.push_back(std::move(r));
    }
    records_ = std::move(loaded);
  }

  friend bool operator==(const activation_statistics& a, const activation_statistics& b) {
    return a.records_ == b.records_;
  }

 private:
  template <class S>
  void add_values(std::string_view name, std::span<const S> values, const activation_batch& batch) {
    const Index channels = checked_channels(name, static_cast<Index>(values.size()), batch);
    const Index plane = static_cast<Index>(values.size()) / (batch.samples * channels);
    batch_.clear(channels);
    batch_.samples = batch.samples;
    batch_.positions = batch.samples * plane;
    constexpr Index together =
        8;  // samples, so that short runs of one channel are worth their sums
    for (Index first = 0; first < batch.samples; first += together)
      add_samples(values.data() + first * channels * plane,
                  std::min(together, batch.samples - first), plane);
    for (std::size_t c = 0; c < batch_.active.size(); ++c) {
      if (!std::isfinite(batch_.square[c]))
        throw value_error(
            errc::not_finite,
            detail::concat("activation_statistics: channel ", c, " of ", name,
                           " has values that are not finite, or too large to square"));
      batch_.weighted[c] = batch.accuracy * batch_.sum[c];
    }
    record_of(name, channels).add(batch_);
  }

  /// Adds a few samples to `batch_`.
  template <class S>
  void add_samples(const S* values, Index samples, Index plane) {
    const Index channels = batch_.channels(), pitch = channels * plane;
    Index c = 0;
    if (plane == 1) {
      constexpr int width = 16;  // a cache line of floats
      for (; c + width <= channels; c += width)
        detail::add_columns<width>(values + c, samples, pitch, batch_.active.data() + c,
                                   batch_.sum.data() + c, batch_.magnitude.data() + c,
                                   batch_.square.data() + c);
    }
    for (; c < channels; ++c) {
      const std::size_t at = static_cast<std::size_t>(c);
      const detail::value_sums sums = detail::sums_of(values + c * plane, samples, pitch, plane);
      batch_.active[at] += sums.active;
      batch_.sum[at] += sums.sum;
      batch_.magnitude[at] += sums.magnitude;
      batch_.square[at] += sums.square;
    }
  }

  template <class = compiled_on_use>
  [[nodiscard]] Index checked_channels(std::string_view name, Index values,
                                       const activation_batch& batch) const {
    if (name.empty())
      throw argument_error(errc::unknown_name,
                           "activation_statistics: values need the name of their weight");
    if (batch.samples < 1 || batch.channels < 0 || !(batch.accuracy >= 0 && batch.accuracy <= 1))
      throw argument_error(
          errc::out_of_range,
          detail::concat("activation_statistics: ", name, " with ", batch.samples, " samples, ",
                         batch.channels, " channels and accuracy ", batch.accuracy,
                         "; needed are at least 1, at least 0 and 0 to 1"));
    const Index channels = batch.channels > 0 ? batch.channels : values / batch.samples;
    if (channels < 1 || values < 1 || values % (batch.samples * channels) != 0)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("activation_statistics: ", name, " has ", values,
                                       " values, no multiple of ", batch.samples, " samples x ",
                                       channels, " channels"));
    if (const activation_record* known = find(name))
      expect_channels(*known, channels, "activation_statistics");
    return channels;
  }
  static void expect_channels(const activation_record& known, Index channels,
                              std::string_view where) {
    if (known.channels() != channels)
      throw shape_error(errc::shape_mismatch,
                        detail::concat(where, ": ", known.name, " had ", known.channels(),
                                       " channels so far, these are ", channels));
  }

  activation_record& record_of(std::string_view name, Index channels) {
    const auto known = std::find_if(records_.begin(), records_.end(),
                                    [&](const activation_record& r) { return r.name == name; });
    if (known != records_.end()) return *known;
    activation_record fresh;
    fresh.name = name;
    fresh.clear(channels);
    return records_.emplace_back(std::move(fresh));
  }
  /// Piece by piece: a damaged number of channels must not ask for memory that no file can fill.
  template <class T>
  static void read(archive_reader& in, std::vector<T>& values, Index count) {
    constexpr Index piece = 4096;
    for (Index done = 0; done < count; done += piece) {
      const Index next = std::min(piece, count - done);
      values.resize(static_cast<std::size_t>(done + next));
      in.values(values.data() + done, next);
    }
  }

  std::vector<activation_record> records_;
  activation_record batch_;  // that is being added: complete before anything is changed
};

}  // namespace v0
}  // namespace prunus
