"""The task types that Nextcloud itself knows (`nextcloud-ocs §7.1`). Ids, labels and slots are
exact: clients go by them."""

from typing import Final

from graphmill.service.tasks.shapes import Shape, Slot, SlotType, TaskType

_PROMPT: Final = 'system_prompt Text "System prompt"'
_HISTORY: Final = 'history ListOfTexts "Chat history"'
_ORIGIN: Final = 'origin_language Enum "Origin language"'
_TARGET: Final = 'target_language Enum "Target language"'
_TOKEN: Final = 'conversation_token Text "Conversation token"'
_CONFIRMATION: Final = 'confirmation Number "Confirmation"'
_NEW_TOKEN: Final = 'conversation_token Text "The new conversation token"'
_ACTIONS: Final = 'actions Text "Requested actions by the agent"'
_REPLY: Final = 'output Text "Generated response"'
_SPOKEN: Final = (
    'input_transcript Text "Input transcript"; output Audio "Response voice message"; '
    'output_transcript Text "Output transcript"'
)
_TOOLS: Final = f'tool_message Text "Tool message"; {_HISTORY}; tools Text "Available tools"'
_ATTACHED: Final = 'input_attachments ListOfFiles "Input attachments"'
_ATTACHMENTS: Final = 'output_attachments ListOfFiles "Output attachments"'

_TABLE: Final[tuple[tuple[str, str, str, str, str], ...]] = (
    ("text2text", "Free text to text prompt", "Send any prompt to a language model",
     'input Text "Prompt"', 'output Text "Generated reply"'),
    ("text2text:topics", "Extract topics", "Topics of a text, comma separated",
     'input Text "Original text"', 'output Text "Topics"'),
    ("text2text:headline", "Generate a headline", "Propose a headline for a text",
     'input Text "Original text"', 'output Text "Headline"'),
    ("text2text:summary", "Summarize", "Summary of a text",
     'input Text "Original text"', 'output Text "Summary"'),
    ("text2text:formalization", "Formalize text", "Rewrite a text in a formal register",
     'input Text "Input text"', 'output Text "Formalized text"'),
    ("text2text:simplification", "Simplify text", "Rewrite a text in simpler words",
     'input Text "Input text"', 'output Text "Simplified text"'),
    ("text2text:reformulation", "Reformulate text", "Say the same text differently",
     'input Text "Input text"', 'output Text "Reformulated text"'),
    ("text2text:chat", "Chat", "One turn of a chat",
     f'{_PROMPT}; input Text "Chat message"; {_HISTORY}', 'output Text "Response message"'),
    ("text2text:translate", "Translate", "Translate a text into another language",
     f'input Text "Origin text"; {_ORIGIN}; {_TARGET}', 'output Text "Result"'),
    ("text2image", "Generate image", "Images from a prompt",
     'input Text "Prompt"; numberOfImages Number "Number of images"',
     'images ListOfImages "Output images"'),
    ("audio2text", "Transcribe audio", "Transcript of a recording",
     'input Audio "Audio input"', 'output Text "Transcription"'),
    ("contextwrite", "Context write", "Write source material in the style of a sample",
     'style_input Text "Writing style"; source_input Text "Source material"',
     'output Text "Generated text"'),
    ("generateemoji", "Emoji generator", "One emoji that fits a text",
     'input Text "Input text"', 'output Text "Generated emoji"'),
    ("text2text:changetone", "Change Tone", "Rewrite a text in a chosen tone",
     'input Text "Input text"; tone Enum "Desired tone"', _REPLY),
    ("text2text:chatwithtools", "Chat with tools", "Chat turn with tool calling",
     f'{_PROMPT}; input Text "Chat message"; {_TOOLS}',
     f'{_REPLY}; tool_calls Text "Tool calls"'),
    ("contextagent:interaction", "ContextAgent", "One turn with an agent",
     f'input Text "Chat message"; {_CONFIRMATION}; {_TOKEN}',
     f"{_REPLY}; {_NEW_TOKEN}; {_ACTIONS}"),
    ("text2text:proofread", "Proofread", "List of corrections for a text",
     'input Text "Text"', 'output Text "Corrections"'),
    ("text2text:reformatparagraphs", "Reformat paragraphs",
     "Split a text into paragraphs by topic",
     'input Text "Text"', 'output Text "Reformatted text"'),
    ("text2speech", "Generate speech", "Speech from a text",
     'input Text "Prompt"', 'speech Audio "Output speech"'),
    ("audio2audio:chat", "Audio chat", "Spoken chat turn",
     f'{_PROMPT}; input Audio "Chat voice message"; {_HISTORY}', _SPOKEN),
    ("contextagent:audio-interaction", "ContextAgent audio", "Spoken turn with an agent",
     f'input Audio "Chat voice message"; {_CONFIRMATION}; {_TOKEN}',
     f"{_SPOKEN}; {_NEW_TOKEN}; {_ACTIONS}"),
    ("analyze-images", "Analyze images", "Answer a question about images",
     'images ListOfImages "Images"; input Text "Question"', _REPLY),
    ("image2text:ocr", "Optical character recognition",
     "Text contained in images or documents",
     'input ListOfFiles "Input files"', 'output ListOfTexts "Output texts"'),
    ("audio2text:subtitles", "Generate subtitles", "Subtitle file for audio or video",
     'input File "Input file"', 'output File "Subtitles"'),
    ("audio2audio:translate", "Translate audio", "Translated speech",
     f'input Audio "Input audio"; {_ORIGIN}; {_TARGET}', 'audio_output Audio "Audio output"'),
    ("text2text:improve", "Improve text", "Rewrite a text following instructions",
     'input Text "Input text"; instructions Text "Instructions"', 'output Text "Improved text"'),
    ("text2text:multimodal-chatwithtools", "Chat with tools using attachments",
     "Chat turn with tools and attachments",
     f'{_PROMPT}; input Text "Chat message"; {_ATTACHED}; {_TOOLS}',
     f'{_REPLY}; {_ATTACHMENTS}; tool_calls Text "Tool calls"'),
    ("contextagent:multimodal-interaction", "ContextAgent multimodal",
     "Agent turn with attachments and memories",
     f'input Text "Chat message"; {_ATTACHED}; {_CONFIRMATION}; {_TOKEN}; '
     'memories ListOfTexts "Memories"',
     f'{_REPLY}; {_ATTACHMENTS}; {_NEW_TOKEN}; {_ACTIONS}; sources ListOfTexts "Sources"'),
)  # fmt: skip
"""Id without `core:`, name, meaning, input slots, output slots."""

_INTERNAL: Final = frozenset({
    "text2text:chatwithtools",
    "contextagent:interaction",
    "contextagent:audio-interaction",
    "audio2audio:chat",
    "text2text:multimodal-chatwithtools",
    "contextagent:multimodal-interaction",
})  # fmt: skip
"""As in release 33; the last two are from a later one and internal from their beginning."""


def _shape(text: str) -> Shape:
    """Slots as the table spells them: `key Type "label"; …`."""
    slots = {}
    for entry in text.split("; "):
        key, type_name, label = entry.split(" ", 2)
        slots[key] = Slot(SlotType(type_name), label.strip('"'))
    return slots


CATALOGUE: Final = {
    f"core:{name}": TaskType(
        id=f"core:{name}",
        name=label,
        description=meaning,
        inputs=_shape(inputs),
        outputs=_shape(outputs),
        is_internal=name in _INTERNAL,
    )
    for name, label, meaning, inputs, outputs in _TABLE
}
