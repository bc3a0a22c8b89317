"""The starter's tokenizer: a small lower-casing byte-level BPE, trained on sentences about scenes and plain English.

`train_tokenizer` takes sentences and returns a fast transformers tokenizer that open_clip can load from a folder. Any
text encodes (bytes are the fallback); `$`, like all punctuation, is always a token of its own; the end token has the
highest id, where a CLIP text tower reads its feature.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.edits import sample_edit
from cvsi_db.scenes.grammar import sample_scenes

PAD, START, END = "<pad>", "<start>", "<end>"
CONTEXT_LENGTH = 64
VOCABULARY_SIZE = 2_000

ORDINARY_ENGLISH = """
a about above across after again against age ago air all almost along already also although always among an and
animal another answer any anything appear apple are area arm around arrive art as ask at autumn away baby back bad bag
ball bank bar bath be bear beautiful because become bed been before begin behind being believe below beside best better
between big bike bird black blue boat body book both bottle bottom bowl box boy branch bread break bridge bright bring
brother brown building bus but butterfly buy by cake call camera can candle car card care carry castle cat chair change
chicken child children church circle city class clean clear close clothes cloud coat coffee cold colour color come
computer cook corner could country cow cup curtain cut dance dark day deep desk different dish do does dog done door
down draw dress drink drive dry duck during each ear early earth east easy eat edge egg eight empty end enough evening
every everything eye face fall family far farm farther fast father feather feel few field fifth fight find fine finger
fire first fish five flag flat floor flower fly follow food foot for forest form four fox free fresh friend from front
fruit full fun fur game garden get girl give glass gloves go goat gold good grass great green grey grow guitar had hair
half hand hang happy hard has hat have he head hear heart heavy help her here high hill him his hold holding hole home
horse hot hour house how hundred hungry i ice if image in indoors inside instead into is island it its jacket jump just
keep key kind king kitchen kite knife know lake lamp land large last late laugh lay leaf least leave leaves left leg
less let letter lie life light like line lion listen little live long look lose lot loud low lunch made make man many
map market may me meet men metal middle milk mirror money monkey month moon more morning most mother mountain mouth move
much music must my name near neck need nest never new next nice night nine no north nose not nothing now number ocean of
off often old on once one only open orange other our out outside over own page paint painting paper park part party pass
path people person photo picture piece pink place plain plant plate play please point pole pond pool portrait pretty
pull purple push put queen question quick quiet rabbit rain rainbow reach read real red remove replace rest rich ride
right ring river road rock roof room rope rose round run sad sail same sand say school sea season second see seem sell
send set seven several shadow shape she sheep shelf shine ship shirt shoe shop short should shoulder show side sign
silver similar sing single sister sit six skin sky sleep slow small smile smoke snow so sock soft some someone something
song soon south space spoon spring square stairs stand standing star start station stay step stick still stone stop
store storm story street strong style such sugar suit summer sun swim switch table tail take talk tall tea teeth tell
ten tent than that the their them then there these they thin thing third this those three through tie tiger time tired
to today together too top towards tower town toy train tree truck try turn twelve twice two umbrella under until up upon
us use very video view village violet visit wait walk wall want warm was wash watch water wave way we wear wearing
weather week well went were west wet what wheel when where which while white who whole why wide wild will wind window
wine wing winter with without wolf woman women wood word work world would write year yellow yes yesterday yet you young
your zebra zoo
"""


def scene_sentences(n: int, seed: int) -> Iterator[str]:
    """`n` captions of random scenes, each followed by an edit of its scene and what the edit adds."""
    rng = random.Random(seed)
    for scene in sample_scenes(n, seed):
        edit = sample_edit(scene, rng)
        yield caption(scene, rng).text
        yield edit.text
        yield f"and the photo should have {edit.adds}."


def train_tokenizer(sentences: Iterable[str], size: int = VOCABULARY_SIZE) -> Any:
    """A transformers fast tokenizer of at most `size` tokens, trained on the sentences and on ordinary English."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size - 1, special_tokens=[PAD, START], initial_alphabet=alphabet)
    tokenizer.train_from_iterator([*sentences, *(ORDINARY_ENGLISH.split() * 5)], trainer)
    tokenizer.add_special_tokens([END])  # last, so that its id is the highest
    ends = [(token, tokenizer.token_to_id(token)) for token in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        model_max_length=CONTEXT_LENGTH,
        clean_up_tokenization_spaces=False,
    )
