#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "holler/drop_reason.hpp"
#include "holler/time.hpp"

#include "cli/json.hpp"

namespace holler::cli {

/// One question of many.
struct RoundTrip {
  bool answered = false;
  std::uint32_t attempts = 0;
  std::optional<Duration> rtt;  ///< of the transmission that was answered, where it is known
  DropCounts dropped;
  std::uint64_t alarms = 0;
};

/// What `ask --count` says at the end, as ping does.
class RoundTrips {
 public:
  void add(const RoundTrip& trip);

  [[nodiscard]] std::string to_text(const std::string& peer, Duration elapsed) const;
  [[nodiscard]] Json to_json(Duration elapsed) const;

 private:
  [[nodiscard]] double loss_percent() const noexcept;
  [[nodiscard]] Duration mean() const noexcept;
  [[nodiscard]] Duration deviation() const noexcept;
  [[nodiscard]] std::uint64_t repeats() const noexcept {
    return datagrams_ < asked_ ? 0 : datagrams_ - asked_;
  }

  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t datagrams_ = 0;
  std::uint64_t timed_ = 0;
  Duration shortest_ = Duration::max();
  Duration longest_ = Duration::zero();
  double mean_ns_ = 0;
  double squares_ns_ = 0;  ///< sum of squared differences from the mean, as Welford keeps it
  DropCounts dropped_;
  std::uint64_t alarms_ = 0;
};

}  // namespace holler::cli
