"""Sealing: one person comes back bit for bit, nobody else does, and damage is told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stream_anon
from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.core.unsealed import _RESTORER_KEY, UnsealedFrame, _RestorerKey
from stream_anon.detectors.shapes import full_box
from stream_anon.errors import ConfigError, SealError
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.regions import soft_region
from stream_anon.sealing import format as sealed_format
from stream_anon.sealing import sealer as sealing
from stream_anon.sealing.age import load_identities, public_keys, recipients
from stream_anon.sealing.format import MAGIC
from stream_anon.sealing.owners import WHOLE, owned_in
from stream_anon.sealing.pixels import packed, unpacked
from stream_anon.sealing.reader import SealReader
from stream_anon.sealing.sealer import Sealer
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.unsealed import UnsealedSink
from tests.sealing import OUTPUT_HASH, Keys, covered, make_keys, seal, shown, unseal, with_checksum
from tests.stubs import face, make_frame

PACKAGE = Path(stream_anon.__file__).parent
EDGE = Redaction().edge
SCALES = (1.0, 0.5, 0.5)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"))


def noisy(index: int = 0, size: tuple[int, int] = (96, 72)) -> Frame:
    return make_frame(*size, index, pattern="noise", seed=10 * index)


def crossing(count: int = 6) -> list[MaskedFrame]:
    """Tracks 3 and 5 overlap more and more; in frame 4 there is no mask."""
    masks: list[MaskedFrame] = []
    for index in range(count):
        three, five = Box(8.3 + 3 * index, 10.2, 26, 31), Box(52.7 - index, 20.4, 27.5, 30)
        parts: tuple[Part, ...] | Unknown = (face(three, person=3), face(five, person=5))
        masks.append(MaskedFrame(noisy(index), Unknown.CORRUPT if index == 4 else parts))
    return masks


def alone(masked: MaskedFrame, person: int) -> list[Any]:
    """For each plane, where hiding touches this track and no other one."""
    assert not isinstance(masked.parts, Unknown)
    found: list[Any] = []
    for plane, scale in zip(masked.frame.planes, SCALES, strict=True):
        mine, others = np.zeros(plane.shape, bool), np.zeros(plane.shape, bool)
        for part in masked.parts:
            mask = covered(part, (plane.shape[0], plane.shape[1]), scale, EDGE)
            if part.person == person:
                mine |= mask
            else:
                others |= mask
                if scale < 1:  # nor a sample that stands for a pixel of the other one
                    luma = masked.frame.planes[0].shape
                    fine = covered(part, (luma[0], luma[1]), 1.0, EDGE)
                    fine = np.pad(fine, ((0, luma[0] % 2), (0, luma[1] % 2)))
                    others |= fine.reshape(plane.shape[0], 2, plane.shape[1], 2).any(axis=(1, 3))
        found.append(mine & ~others)
    return found


class TestRestoring:
    def test_one_person_comes_back_bit_for_bit_and_nothing_else_changes(
        self, keys: Keys, tmp_path: Path
    ) -> None:
        masks, path = crossing(), tmp_path / "a.sealed"
        safe = seal(path, masks, keys)
        for masked, before, after in zip(masks, safe, unseal(path, safe, keys, "3"), strict=True):
            if isinstance(masked.parts, Unknown):
                assert not after.restored
                where = [np.zeros(plane.shape, bool) for plane in before.planes]
            else:
                where = alone(masked, 3)
                assert all(mask.any() for mask in where)
            planes = zip(masked.frame.planes, before.planes, after.planes, where, strict=True)
            for raw, hidden, restored, mask in planes:
                np.testing.assert_array_equal(restored, np.where(mask, raw, hidden))

    def test_all_together_give_back_every_hidden_pixel(self, keys: Keys, tmp_path: Path) -> None:
        masks, path = crossing(), tmp_path / "a.sealed"
        safe = seal(path, masks, keys)
        after = unseal(path, safe, keys, "3", "5", WHOLE)
        for masked, frame in zip(masks, after, strict=True):
            for raw, restored in zip(masked.frame.planes, frame.planes, strict=True):
                np.testing.assert_array_equal(raw, restored)

    def test_frames_hidden_whole_come_back_only_if_they_are_named(
        self, keys: Keys, tmp_path: Path
    ) -> None:
        masks, path = crossing(), tmp_path / "a.sealed"
        safe = seal(path, masks, keys)
        both, whole = unseal(path, safe, keys, "3", "5"), unseal(path, safe, keys, WHOLE)
        raw = masks[4].frame.planes[0]
        assert not np.array_equal(both[4].planes[0], raw)
        np.testing.assert_array_equal(whole[4].planes[0], raw)
        assert [frame.restored for frame in whole] == [False, False, False, False, True, False]

    def test_nobody_hidden_makes_an_empty_seal(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        seal(path, [MaskedFrame(noisy(0), ())], keys)
        with SealReader(path, keys.identities) as reader:
            assert reader.owners == []
            assert reader.index.frames == 1

    def test_several_keys_open_it_each_alone(self, keys: Keys, tmp_path: Path) -> None:
        other, path = make_keys(tmp_path, "other.txt"), tmp_path / "a.sealed"
        masks = crossing()
        safe = seal(path, masks, keys, other)
        first, second = unseal(path, safe, keys, "3"), unseal(path, safe, other, "3")
        assert all(
            np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(first, second, strict=True)
        )

    def test_who_is_not_in_it_is_told_with_who_is(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        safe = seal(path, crossing(), keys)
        with pytest.raises(ConfigError, match="no track 4 in the seal: it holds 3, 5, whole"):
            unseal(path, safe, keys, "4")

    def test_a_video_with_fewer_or_more_frames_is_refused(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        safe = seal(path, crossing(), keys)
        for wrong in (safe[:-1], [*safe, safe[-1]], safe[:1]):
            with pytest.raises(SealError, match="6 frames"):
                unseal(path, wrong, keys, "3")

    def test_a_video_of_another_size_is_refused(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        seal(path, crossing(), keys)
        small = Redactor(Redaction(), ColorTags()).redact(MaskedFrame(noisy(0, (64, 48)), ()))
        with pytest.raises(SealError, match="96x72"):
            unseal(path, [small], keys, "3")

    def test_pictures_that_were_padded_to_even_sides_are_filled_all_the_same(
        self, keys: Keys, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.sealed"
        masks = [MaskedFrame(noisy(0, (97, 73)), (face(Box(70, 50, 40, 40), person=1),))]
        safe = shown(seal(path, masks, keys)[0])
        planes = tuple(
            np.pad(plane, ((0, plane.shape[0] % 2 * (n == 0)), (0, plane.shape[1] % 2 * (n == 0))))
            for n, plane in enumerate(safe.planes)
        )
        padded = Frame(cast(Any, planes), 0, 0, safe.time_base)
        assert padded.width == 98
        with SealReader(path, keys.identities) as reader:
            from stream_anon.sealing.restorer import Restorer

            restored = Restorer(reader, keys.identities, ["1"]).restore(padded)
        for raw, mask, plane in zip(
            masks[0].frame.planes, alone(masks[0], 1), restored.planes, strict=True
        ):
            inside = plane[: raw.shape[0], : raw.shape[1]]
            np.testing.assert_array_equal(inside[mask], raw[mask])


boxes = st.builds(
    Box,
    st.floats(-30, 70), st.floats(-30, 60), st.floats(2, 60), st.floats(2, 60),
)  # fmt: skip
part_lists = st.lists(
    st.builds(
        lambda box, person, whole, spread: Part(
            "face", box, full_box() if whole else face(box).mask, 0.9, person, spread
        ),
        boxes, st.integers(-1, 3), st.booleans(), st.floats(0, 6),
    ),
    min_size=1, max_size=6,
)  # fmt: skip
sizes = st.tuples(st.integers(16, 70), st.integers(16, 60))


class TestNobodyElse:
    @given(part_lists, sizes, st.randoms(use_true_random=False))
    @settings(max_examples=60)
    def test_a_seal_of_one_holds_no_pixel_of_another(
        self, parts: list[Part], size: tuple[int, int], random: Any
    ) -> None:
        """Whatever the others look like, what is sealed of one is the same, bit for bit."""
        frame = noisy(0, size)
        regions = [soft_region(part, EDGE) for part in parts]
        who = random.choice(parts).person
        mine = frozenset({str(who) if who >= 0 else "face"})
        changed = [plane.copy() for plane in frame.planes]
        for part in parts:
            if part.person == who:
                continue
            fine = covered(part, (size[1], size[0]), 1.0, EDGE)
            changed[0][fine] ^= 255
            even = np.pad(fine, ((0, size[1] % 2), (0, size[0] % 2)))
            rows, columns = changed[1].shape
            stands_for = even.reshape(rows, 2, columns, 2).any(axis=(1, 3))
            for plane in changed[1:]:
                plane[stands_for | covered(part, (rows, columns), 0.5, EDGE)] ^= 255
        other = (changed[0], changed[1], changed[2])
        before = owned_in(frame.planes, parts, regions).get(mine)
        after = owned_in(other, parts, regions).get(mine)
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert packed(0, frame.planes, before) == packed(0, other, after)

    @given(part_lists, sizes)
    @settings(max_examples=60)
    def test_every_hidden_pixel_has_its_owners_once(
        self, parts: list[Part], size: tuple[int, int]
    ) -> None:
        frame = noisy(0, size)
        found = owned_in(frame.planes, parts, [soft_region(part, EDGE) for part in parts])
        for plane, scale in zip(frame.planes[:2], (1.0, 0.5), strict=True):
            shape = (plane.shape[0], plane.shape[1])
            counts = np.zeros(shape, int)
            for owned in found.values():
                if (patch := owned.luma if scale == 1 else owned.chroma) is not None:
                    counts[patch.rows, patch.columns] += patch.mask
            hidden = np.zeros(shape, bool)
            for part in parts:
                hidden |= covered(part, shape, scale, EDGE)
            np.testing.assert_array_equal(counts, hidden.astype(int))

    @given(part_lists, sizes)
    @settings(max_examples=30)
    def test_packing_loses_nothing(self, parts: list[Part], size: tuple[int, int]) -> None:
        frame = noisy(0, size)
        found = owned_in(frame.planes, parts, [soft_region(part, EDGE) for part in parts])
        data = b"".join(packed(7, frame.planes, owned) for owned in found.values())
        for owned, restored in zip(found.values(), unpacked(data, *size), strict=True):
            assert restored.frame == 7
            wanted = (owned.luma, owned.chroma, owned.chroma)
            for plane, patch, pixels in zip(frame.planes, wanted, restored.pixels, strict=True):
                if patch is None:
                    assert not pixels.size
                else:
                    raw = plane[patch.rows, patch.columns][patch.mask]
                    np.testing.assert_array_equal(pixels, raw)

    def test_what_the_redactor_hides_is_exactly_what_is_sealed(self) -> None:
        """The observer is told before anything is drawn, and of all that will be."""
        frame = noisy(0)
        parts = (face(Box(10, 10, 30, 30), person=1), face(Box(30, 25, 30, 30), person=2))
        told: list[Any] = []

        class Observer:
            def see_parts(self, planes: Any, parts: Any, regions: Any) -> None:
                told.append([plane.copy() for plane in planes])
                told.append(owned_in(planes, parts, regions))

            def see_whole(self, planes: Any) -> None:
                raise AssertionError("not hidden whole")

        redactor = Redactor(Redaction(method="fill"), ColorTags(), observer=Observer())
        safe = redactor.redact(MaskedFrame(frame, parts))
        raw, owned = told
        for before, plane in zip(raw, frame.planes, strict=True):
            np.testing.assert_array_equal(before, plane)
        hidden = np.zeros(frame.planes[0].shape, bool)
        for each in owned.values():
            hidden[each.luma.rows, each.luma.columns] |= each.luma.mask
        np.testing.assert_array_equal(safe.planes[0][~hidden], frame.planes[0][~hidden])
        inside = safe.planes[0][hidden] != frame.planes[0][hidden]
        assert inside.mean() > 0.9


class TestTheFile:
    def test_nothing_but_messages_of_age_is_in_it(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        masks = crossing()
        seal(path, masks, keys)
        data = path.read_bytes()
        with SealReader(path, keys.identities) as reader:
            index = reader.index
        places = sorted([s.key for s in index.streams] + [c[3:] for c in index.chunks])
        at = len(MAGIC)
        for offset, length in places:
            assert offset == at
            assert data[offset:].startswith(b"age-encryption.org/v1\n-> X25519 ")
            at += length
        assert data[at:].startswith(b"age-encryption.org/v1\n-> X25519 ")
        for text in (b"face", b"whole", OUTPUT_HASH.encode(), b"SECRET"):
            assert text not in data
        for masked in masks:
            assert masked.frame.planes[0][20, 20:36].tobytes() not in data

    def test_each_stream_has_a_key_of_its_own(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        seal(path, crossing(), keys)
        data = path.read_bytes()
        with SealReader(path, keys.identities) as reader:
            index = reader.index
        from stream_anon.sealing.age import decrypt, identity_of

        secrets = [
            decrypt(data[offset : offset + length], keys.identities)
            for offset, length in (stream.key for stream in index.streams)
        ]
        assert len(set(secrets)) == len(secrets) == 4  # 3, 5, both, whole
        own = [identity_of(secrets[0])]
        for number, _, _, offset, length in index.chunks:
            message = data[offset : offset + length]
            with pytest.raises(SealError):
                decrypt(message, keys.identities)
            if number:
                with pytest.raises(SealError):
                    decrypt(message, own)
            else:
                assert decrypt(message, own)

    def test_a_wrong_key_is_told(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        safe = seal(path, crossing(), keys)
        wrong = make_keys(tmp_path)
        with pytest.raises(SealError, match=r"the key does not open a\.sealed"):
            unseal(path, safe, wrong, "3")

    def test_every_truncation_is_told(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        seal(path, [MaskedFrame(noisy(0), (face(Box(9, 9, 20, 20)),))], keys)
        data = path.read_bytes()
        for length in [*range(0, len(data), 31), len(data) - 1, len(MAGIC)]:
            path.write_bytes(data[:length])
            self.assert_refused(path, keys, "truncated|not a seal")

    def test_every_changed_byte_is_told(self, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        seal(path, [MaskedFrame(noisy(0), (face(Box(9, 9, 20, 20)),))], keys)
        data = path.read_bytes()
        for at in [*range(0, len(data), 17), *range(len(data) - 64, len(data))]:
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            self.assert_refused(path, keys, r"damaged|not a seal|another version")

    @pytest.mark.parametrize("more", [b"\0", b"more" * 100])
    def test_what_was_appended_is_told(self, more: bytes, keys: Keys, tmp_path: Path) -> None:
        path = tmp_path / "a.sealed"
        seal(path, crossing(), keys)
        path.write_bytes(path.read_bytes() + more)
        self.assert_refused(path, keys, "damaged")

    def test_reordered_exchanged_and_missing_parts_are_told(
        self, keys: Keys, tmp_path: Path
    ) -> None:
        """By whoever can make the checksum fit, but has no key."""
        path = tmp_path / "a.sealed"
        seal(path, crossing(), keys)
        data = path.read_bytes()
        with SealReader(path, keys.identities) as reader:
            chunks = [data[at : at + length] for *_, at, length in reader.index.chunks]
        first, second = chunks[:2]
        start, end = data.index(first), data.index(second) + len(second)
        between = data[start + len(first) : end - len(second)]
        reordered = data[:start] + second + between + first + data[end:]
        changed = bytearray(data)
        changed[start + len(first) - 1] ^= 1
        for wrong in (reordered, bytes(changed)):
            assert len(wrong) == len(data)
            path.write_bytes(with_checksum(wrong))
            self.assert_refused(path, keys, "not those that were sealed")
        path.write_bytes(with_checksum(data[:start] + data[start + len(first) :]))
        self.assert_refused(path, keys, "truncated")

    def test_the_index_of_another_seal_does_not_fit(self, keys: Keys, tmp_path: Path) -> None:
        one, two = tmp_path / "a.sealed", tmp_path / "b.sealed"
        seal(one, crossing(), keys)
        seal(two, crossing(), keys)
        first, second = one.read_bytes(), two.read_bytes()
        offset = int.from_bytes(first[-64:-56], "little")
        other = int.from_bytes(second[-64:-56], "little")
        assert first[offset:-64] != second[other:-64]
        mixed = first[:offset] + second[other:-64] + first[-64:]
        if len(mixed) == len(first):
            one.write_bytes(with_checksum(mixed))
            self.assert_refused(one, keys, "not those that were sealed")
        else:
            one.write_bytes(with_checksum(mixed))
            self.assert_refused(one, keys, "damaged")

    def test_other_files_are_not_seals(self, keys: Keys, tmp_path: Path) -> None:
        other = tmp_path / "other.mp4"
        for content in (b"", b"x" * 500, b"age-encryption.org/v1\n"):
            other.write_bytes(content)
            self.assert_refused(other, keys, "not a seal")
        self.assert_refused(tmp_path / "none", keys, "cannot read the seal")
        self.assert_refused(tmp_path, keys, "cannot read the seal")
        other.write_bytes(b"stream_anon sealed 9\n" + b"x" * 500)
        self.assert_refused(other, keys, "another version")

    def assert_refused(self, path: Path, keys: Keys, said: str) -> None:
        with pytest.raises(SealError, match=said) as caught:
            SealReader(path, keys.identities)
        assert "\n" not in str(caught.value)

    def test_an_index_that_points_outside_is_refused(
        self, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever has the public key can make any index; it must not do harm."""
        path = tmp_path / "a.sealed"
        whole = sealed_format.Index.model_dump
        for field, value in (
            ("chunks", [(0, 0, 0, 5, 1 << 60)]),
            ("chunks", [(0, 0, 0, -5, 10)]),
            ("chunks", [(9, 0, 0, 5, 10)]),
            ("chunks", [(0, 0, 99, 5, 10)]),
            ("frames", -1),
            ("streams", "none"),
        ):
            monkeypatch.setattr(
                sealed_format.Index,
                "model_dump",
                lambda index, field=field, value=value, **how: whole(index, **how) | {field: value},
            )
            seal(path, crossing(2), keys)
            self.assert_refused(path, keys, "its index is invalid")


class TestMemory:
    def test_what_waits_does_not_grow_with_the_video(
        self, keys: Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sealing, "CHUNK", 4000)
        monkeypatch.setattr(sealing, "SPAN", 20)
        monkeypatch.setattr(sealing, "WAITING", 12_000)
        sealer = Sealer(io.BytesIO(), recipients([keys.public]))
        most = 0
        frame = noisy(0)
        for index in range(120):  # somebody new in every fourth frame, three at a time
            parts = [face(Box(30 * n, 20, 20, 20), person=index // 4 + n) for n in range(3)]
            sealer.see_parts(frame.planes, parts, [soft_region(part, EDGE) for part in parts])
            most = max(most, sum(len(each.data) for each in sealer._waiting.values()))
            assert sealer._bytes == sum(len(each.data) for each in sealer._waiting.values())
        assert 0 < most < 12_000
        assert len(sealer._waiting) < 20

    def test_nobody_waits_longer_than_a_span(
        self, keys: Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also those of whom there is little, and who have left."""
        monkeypatch.setattr(sealing, "SPAN", 8)
        sealer = Sealer(io.BytesIO(), recipients([keys.public]))
        frame = noisy(0)
        for index in range(24):
            part = face(Box(20, 20, 20, 20), person=index)
            sealer.see_parts(frame.planes, [part], [soft_region(part, EDGE)])
            assert len(sealer._waiting) == (index + 1) % 8

    def test_long_videos_come_back_chunk_by_chunk(
        self, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sealing, "CHUNK", 3000)
        monkeypatch.setattr(sealing, "SPAN", 7)
        path = tmp_path / "a.sealed"
        masks = [
            MaskedFrame(noisy(n % 5), (face(Box(20, 20, 24, 24), person=n // 20),) if n % 3 else ())
            for n in range(60)
        ]
        safe = seal(path, masks, keys)
        with SealReader(path, keys.identities) as reader:
            assert len(reader.index.chunks) > 12
            assert [(s.first, s.last) for s in reader.index.streams] == [
                (1, 19),
                (20, 38),
                (40, 59),
            ]
        after = unseal(path, safe, keys, "1")
        for number, (masked, frame) in enumerate(zip(masks, after, strict=True)):
            assert frame.restored == (20 <= number < 40 and number % 3 > 0)
            if frame.restored:
                np.testing.assert_array_equal(frame.planes[0], masked.frame.planes[0])


class TestKeys:
    def test_keys_and_files_of_keys(self, keys: Keys, tmp_path: Path) -> None:
        other = make_keys(tmp_path)
        listed = tmp_path / "team.txt"
        listed.write_text(f"# the team\n\n{other.public}\n  {keys.public}  \r\n")
        assert public_keys([keys.public, str(listed)]) == [keys.public, other.public]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("age1short", "copy it whole"),
            ("nowhere.txt", "neither a public key"),
            ("https://user:hunter2@host/key", "an address"),
            ("", "neither a public key"),
        ],
    )
    def test_what_is_no_recipient_is_told(self, name: str, said: str) -> None:
        with pytest.raises(ConfigError, match=said) as caught:
            public_keys([name])
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "holds no public key"),
            (b"# nothing\n", "holds no public key"),
            (b"\x00\xff\xfe", "holds no public key"),
            (b"hunter2\n", "key 1 in it is none"),
            (b"x" * (1 << 21), "holds no public key"),
        ],
    )
    def test_files_that_hold_no_public_keys(
        self, content: bytes, said: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "keys"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=said) as caught:
            public_keys([str(path)])
        assert "hunter2" not in str(caught.value)
        with pytest.raises(ConfigError, match="keys"):
            public_keys([str(tmp_path)])

    def test_secret_keys_are_refused_and_never_shown(self, keys: Keys, tmp_path: Path) -> None:
        mixed = tmp_path / "mixed"
        mixed.write_text(f"{keys.public}\n{keys.secret}\n")
        wrong = tmp_path / "wrong"
        wrong.write_text(f"{keys.secret[:-1]}\n")
        tries: list[tuple[Any, Any]] = [
            (public_keys, [keys.secret]),
            (public_keys, [keys.secret.lower()]),
            (public_keys, [str(keys.file)]),
            (public_keys, [str(mixed)]),
            (load_identities, Path(keys.secret)),
            (load_identities, wrong),
        ]
        for function, given_name in tries:
            with pytest.raises(ConfigError) as caught:
                function(given_name)
            error: BaseException | None = caught.value
            while error is not None:
                assert keys.secret[16:40].lower() not in str(error).lower()
                error = error.__cause__
            assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "holds no secret key"),
            ("age1abc\n", "public key, which opens nothing"),
            ("age-encryption.org/v1\nx\n", "is encrypted"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", "is encrypted"),
            ("hunter2\n", "not a file of secret keys"),
        ],
    )
    def test_files_that_hold_no_secret_key(self, content: str, said: str, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text(content)
        with pytest.raises(ConfigError, match=said) as caught:
            load_identities(path)
        assert "hunter2" not in str(caught.value)

    def test_a_missing_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no such file"):
            load_identities(tmp_path / "none")

    def test_the_secret_key_of_a_stream_is_not_kept(self, keys: Keys) -> None:
        """In the memory of a run that seals there is nothing that opens what is written."""
        sealer = Sealer(io.BytesIO(), recipients([keys.public]))
        sealer.see_whole(noisy(0).planes)
        sealer._flush_all()
        (stream,) = sealer._writer._streams.values()
        assert "Recipient" in type(stream.recipient).__name__


class TestTypes:
    def test_only_the_key_makes_an_unsealed_frame(self) -> None:
        frame = noisy(0)
        copies = cast(Any, tuple(plane.copy() for plane in frame.planes))
        for key in (None, object(), _RestorerKey()):
            with pytest.raises(TypeError, match="only the restorer"):
                UnsealedFrame(cast(Any, key), planes=copies, stamp=frame.stamp, restored=True)
        made = UnsealedFrame(_RESTORER_KEY, planes=copies, stamp=frame.stamp, restored=True)
        assert not made.planes[0].flags.writeable
        assert repr(made) == "<UnsealedFrame 0 pts=0 96x72 restored>"
        with pytest.raises(AttributeError):
            made.pts = 3

    def test_only_the_restorer_knows_the_key(self) -> None:
        assert _users("RESTORER_KEY", "_RestorerKey") == {
            "core/unsealed.py",
            "sealing/restorer.py",
        }

    def test_nobody_but_the_seal_of_a_recording_is_told_what_is_hidden(self) -> None:
        assert _users("def see_parts") == {
            "redaction/observer.py",
            "sealing/sealer.py",
            "pipeline/sealing.py",
        }
        assert _users("observer=") == {"pipeline/recording.py"}

    def test_no_sink_of_redacted_video_takes_it(self) -> None:
        frame = noisy(0)
        copies = cast(Any, tuple(plane.copy() for plane in frame.planes))
        made = UnsealedFrame(_RESTORER_KEY, planes=copies, stamp=frame.stamp, restored=True)
        with pytest.raises(TypeError, match="RedactedFrame only"):
            check_redacted(made)

    def test_its_own_sink_takes_nothing_else(self) -> None:
        frame = noisy(0)
        safe = Redactor(Redaction(), ColorTags()).redact(MaskedFrame(frame, ()))
        sink = object.__new__(UnsealedSink)
        for wrong in (frame, safe, MaskedFrame(frame, ()), None):
            with pytest.raises(TypeError, match="UnsealedFrame only"):
                sink.send(cast(Any, wrong))


def _users(*words: str) -> set[str]:
    found = set[str]()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in words):
            found.add(str(path.relative_to(PACKAGE)))
    return found
