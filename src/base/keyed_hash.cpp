#include "base/keyed_hash.hpp"

#include <sodium.h>

namespace holler {

static_assert(crypto_shorthash_siphashx24_BYTES == sizeof(KeyedHash::Digest));
static_assert(crypto_shorthash_siphashx24_KEYBYTES == 16);

KeyedHash::KeyedHash(RandomSource& random) { ByteWriter{key_}.write(random.next()).write(random.next()); }

KeyedHash::Digest KeyedHash::operator()(Bytes message) const noexcept {
  Digest digest{};
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(digest.data()),
                              reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                              reinterpret_cast<const unsigned char*>(key_.data()));
  return digest;
}

bool same_secret(Bytes left, Bytes right) noexcept {
  return left.size() == right.size() && sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace holler
