#include "sim/link.hpp"

namespace holler::sim {
namespace {

/// No number is drawn for what cannot happen, so that a perfect link costs nothing.
bool happens(Ratio ratio, RandomSource& random) { return ratio.part != 0 && random.chance(ratio); }

Duration travel(const LinkSettings& settings, RandomSource& random) {
  if (settings.jitter <= Duration::zero()) return settings.delay;
  return settings.delay + random.between(Duration::zero(), settings.jitter);
}

}  // namespace

Passage Link::carry(Timestamp now, std::size_t /*datagram_bytes*/, RandomSource& random) {
  Passage passage;
  if (happens(settings.loss, random)) {
    passage.loss = Loss::chance;
    return passage;
  }
  Duration first = travel(settings, random);
  if (happens(settings.reordering, random)) {
    passage.held_back = true;
    first += settings.reordering_delay;
  }
  passage.arrive(later(now, first));
  if (happens(settings.duplication, random)) {
    passage.arrive(later(now, travel(settings, random) + settings.duplication_delay));
  }
  return passage;
}

}  // namespace holler::sim
