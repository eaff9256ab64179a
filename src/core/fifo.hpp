#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace holler {

/// First in, first out, in one piece of memory: an engine has several of these, mostly empty or with one
/// element, where a std::deque takes 576 bytes before it has any, and allocates for every few elements.
template <class T>
class Fifo {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == items_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size() - head_; }
  [[nodiscard]] T& front() noexcept { return items_[head_]; }
  [[nodiscard]] const T& front() const noexcept { return items_[head_]; }
  [[nodiscard]] T& back() noexcept { return items_.back(); }

  T& push_back(T item) {
    items_.push_back(std::move(item));
    return items_.back();
  }
  /// A new last element, to be filled in where it stands.
  T& emplace_back() {
    if (head_ != 0) tidy();
    return items_.emplace_back();
  }
  T pop_front() {
    T item = std::move(items_[head_++]);
    tidy();
    return item;
  }
  /// As `pop_front`, without a move: the element stays where it is until the next `emplace_back` or `tidy`.
  const T& take_front() { return items_[head_++]; }
  /// Gives back what has been taken.
  void tidy() {
    if (head_ == items_.size()) {
      clear();
    } else if (head_ >= kCompactAt && 2 * head_ >= items_.size()) {
      compact();
    }
  }

 private:
  static constexpr std::size_t kCompactAt = 64;
  static constexpr std::size_t kKeptMax = 1024;  // elements whose memory an empty one keeps

  void clear() {
    head_ = 0;
    items_.clear();
    if (items_.capacity() > kKeptMax) [[unlikely]]
      let_go();
  }
  [[gnu::noinline]] void let_go() { items_ = {}; }
  [[gnu::noinline]] void compact() {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }

  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace holler
